import { storageErrors } from "../../../errors.js";
import type { RedisAddress, RedisStoreOptions, RedisTlsOptions } from "../options.js";

/** The servers to connect to, from either form of the options. */
export interface RedisTopology {
  kind: "standalone" | "sentinel" | "cluster";
  /** Of the server, the Sentinels, or some nodes of the cluster. */
  nodes: Required<RedisAddress>[];
  /** Null without TLS. */
  tls: RedisTlsOptions | null;
  username: string | undefined;
  password: string | undefined;
  database: number;
  /** Sentinel only. */
  sentinel: Sentinel | null;
}

interface Sentinel {
  /** Name of the primary. */
  name: string;
  tls: RedisTlsOptions | null;
  username: string | undefined;
  password: string | undefined;
}

// WHATWG's URL has one host only.
const REDIS_URL = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^@/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/;
const PORTS = { standalone: 6379, sentinel: 26_379, cluster: 6379 } as const;

/** @throws AspenError `INVALID_PARAMS` naming the field, never a password */
export function topologyOf(options: RedisStoreOptions): RedisTopology {
  const { url, sentinel, cluster } = options;
  if ([url, sentinel, cluster].filter((form) => form !== undefined).length !== 1) {
    throw storageErrors.invalid("url", "must be given, or sentinel, or cluster, and only one of them");
  }
  const base = url === undefined ? structured(options) : parseRedisUrl(url);
  const topology: RedisTopology = {
    ...base,
    username: options.username ?? base.username,
    password: options.password ?? base.password,
    database: options.database ?? base.database,
    tls: options.tls === undefined ? base.tls : tlsOf(options.tls),
  };
  if (topology.sentinel && sentinel?.tls === undefined) topology.sentinel.tls = topology.tls;
  if (!Number.isSafeInteger(topology.database) || topology.database < 0) {
    throw storageErrors.invalid("database", "must be a whole number, at least 0");
  }
  if (topology.kind === "cluster" && topology.database !== 0) {
    throw storageErrors.invalid("database", "must be 0 on a cluster, which has no other");
  }
  return topology;
}

/** @throws AspenError `INVALID_PARAMS` when it is none of the forms of `RedisStoreOptions.url` */
export function parseRedisUrl(url: string): RedisTopology {
  const match = REDIS_URL.exec(url);
  if (!match) throw storageErrors.invalid("url", "must be redis[s][+sentinel|+cluster]://[user:password@]host[:port]…");
  const [, scheme, mode = "standalone", user = "", hosts = "", path = "", query = ""] = match;
  const kind = mode as RedisTopology["kind"];
  const nodes = hosts.split(",").map((host) => parseHost(host, PORTS[kind]));
  if (kind === "standalone" && nodes.length > 1) {
    throw storageErrors.invalid("url", "names several hosts; use redis+sentinel:// or redis+cluster://");
  }
  const names = path.split("/").slice(1).map(decoded);
  const name = kind === "sentinel" ? (names.shift() ?? "") : "";
  if (kind === "sentinel" && name === "") {
    throw storageErrors.invalid("url", "must name the primary that the Sentinels monitor: redis+sentinel://host/name");
  }
  const [database = "", ...rest] = names;
  if (rest.length > 0 || !/^\d{0,9}$/.test(database))
    throw storageErrors.invalid("url", "must end in a database's number");
  const parameters = parseQuery(query, kind);
  const colon = user.indexOf(":");
  const tls = scheme === "rediss" ? {} : null;
  return {
    kind,
    nodes,
    tls,
    username: given(decoded(colon < 0 ? user : user.slice(0, colon))),
    password: colon < 0 ? undefined : given(decoded(user.slice(colon + 1))),
    database: Number(database),
    sentinel:
      kind === "sentinel"
        ? {
            name,
            tls,
            username: parameters.get("sentinelUsername") ?? undefined,
            password: parameters.get("sentinelPassword") ?? undefined,
          }
        : null,
  };
}

/** The address without passwords, for logs. */
export function maskRedisUrl(url: string): string {
  const match = REDIS_URL.exec(url);
  if (!match) return "redis:(not an address)";
  const [, scheme, mode, user, hosts, path = ""] = match;
  const colon = user?.indexOf(":") ?? -1;
  const shown = user === undefined ? "" : `${colon < 0 ? user : `${user.slice(0, colon)}:***`}@`;
  return `${scheme}${mode === undefined ? "" : `+${mode}`}://${shown}${hosts}${path}`;
}

/** A topology as the address that stands for it, without passwords and parameters, for people. */
export function addressOf({ kind, nodes, tls, username, password, database, sentinel }: RedisTopology): string {
  const scheme = `${tls ? "rediss" : "redis"}${kind === "standalone" ? "" : `+${kind}`}`;
  const user = `${encodeURIComponent(username ?? "")}${password === undefined ? "" : ":***"}`;
  const hosts = nodes.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(",");
  const path = [...(sentinel ? [encodeURIComponent(sentinel.name)] : []), ...(database === 0 ? [] : [database])];
  return `${scheme}://${user && `${user}@`}${hosts}${path.map((part) => `/${part}`).join("")}`;
}

function structured({ sentinel, cluster }: RedisStoreOptions): RedisTopology {
  const kind = sentinel ? "sentinel" : "cluster";
  const nodes = (sentinel ?? cluster)!.nodes.map(({ host, port = PORTS[kind] }) => ({ host, port }));
  if (nodes.length === 0) throw storageErrors.invalid(`${kind}.nodes`, "must name at least one");
  if (sentinel && sentinel.name === "") throw storageErrors.invalid("sentinel.name", "must name the primary");
  return {
    kind,
    nodes,
    tls: null,
    username: undefined,
    password: undefined,
    database: 0,
    sentinel: sentinel
      ? {
          name: sentinel.name,
          tls: tlsOf(sentinel.tls ?? false),
          username: sentinel.username,
          password: sentinel.password,
        }
      : null,
  };
}

function tlsOf(tls: boolean | RedisTlsOptions): RedisTlsOptions | null {
  return tls === false ? null : tls === true ? {} : tls;
}

function parseHost(text: string, defaultPort: number): Required<RedisAddress> {
  const match = /^(?:\[([\da-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[3] ?? defaultPort);
  if (!match || port < 1 || port > 65_535)
    throw storageErrors.invalid("url", "must have hosts of the form host[:port]");
  return { host: match[1] ?? decoded(match[2]!), port };
}

function parseQuery(query: string, kind: RedisTopology["kind"]): URLSearchParams {
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (kind !== "sentinel" || !["sentinelUsername", "sentinelPassword"].includes(name)) {
      throw storageErrors.invalid("url", `has the unknown parameter ${JSON.stringify(name)}`);
    }
  }
  return parameters;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw storageErrors.invalid("url", "has a percent sign that encodes nothing; write it as %25");
  }
}

function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}
