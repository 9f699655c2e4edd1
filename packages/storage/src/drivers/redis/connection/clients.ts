import type { ClusterOptions, RedisOptions } from "ioredis";
import { loadIoredis } from "../packages.js";
import type { RedisTopology } from "./topology.js";
import type { TrackedCommand, TrackedCommandClass } from "./tracked-command.js";
import { trackedCommandClass } from "./tracked-command.js";

/** The part of an ioredis client that is used, of a server as of a cluster. */
export interface RedisClient {
  readonly status: string;
  sendCommand(command: TrackedCommand): Promise<unknown>;
  connect(): Promise<unknown>;
  /** @param reconnect connect again by itself */
  disconnect(reconnect?: boolean): void;
  on(event: "ready" | "close" | "end", listener: () => void): unknown;
  on(event: "error" | "node error", listener: (error: Error) => void): unknown;
  /** Of a cluster: its primaries' clients. */
  nodes?(role: "master" | "all"): RedisNode[];
}

export interface RedisNode {
  readonly options: { host?: string; port?: number };
  sendCommand(command: TrackedCommand): Promise<unknown>;
}

/** The part of a client for subscriptions that is used. */
export interface SubscriberClient {
  subscribe(channel: string): Promise<unknown>;
  ping(): Promise<unknown>;
  disconnect(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "message", listener: (channel: string, message: string) => void): unknown;
  on(event: "end", listener: () => void): unknown;
}

export interface RedisClients {
  client: RedisClient;
  /** A connection of its own for a subscription, which ends when it is lost. */
  subscriber(): SubscriberClient;
  Command: TrackedCommandClass;
}

/** Milliseconds after which a cluster's nodes are asked for again: a frozen node does not tell of its successor. */
const SLOTS_REFRESH_MS = 5000;
export const MAX_CONNECT_MS = 2000;

/** @throws AspenError `PACKAGE_MISSING` without the package ioredis */
export async function createClients(topology: RedisTopology, timeoutMs: number): Promise<RedisClients> {
  const { Redis, Cluster, Command } = await loadIoredis();
  const { kind, nodes, database } = topology;
  const connectTimeout = Math.min(timeoutMs, MAX_CONNECT_MS);
  const settings = {
    ...credentials(topology),
    replyMapping: "legacy",
    // Commands of one turn leave together anyway; with enableAutoPipelining a lone command waits for the next turn.
    // A command is never sent twice nor kept for later: the connection decides what may be tried again.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // 0, so that a lost connection ends every command under way; ioredis 6.0.0 leaves them without an answer.
    maxRetriesPerRequest: 0,
    connectTimeout,
    // A connection that does not answer is made anew.
    socketTimeout: timeoutMs,
    retryStrategy,
  } satisfies RedisOptions;
  // The subscription waits for its connection, which is never made anew: listeners must know that they missed messages.
  const listening = { ...settings, enableOfflineQueue: true, retryStrategy: null } satisfies RedisOptions;
  if (kind === "cluster") {
    const cluster = new Cluster(nodes, {
      redisOptions: settings,
      // With the check, a cluster that is down would look like one that does not answer.
      enableReadyCheck: false,
      // Sent again after a lost connection, a command could be applied twice.
      retryDelayOnFailover: 0,
      clusterRetryStrategy: retryStrategy,
      slotsRefreshInterval: SLOTS_REFRESH_MS,
      slotsRefreshTimeout: connectTimeout,
      // With TLS a certificate is checked against the name that was given, not what it resolves to.
      ...(topology.tls ? { dnsLookup: (host, callback) => callback(null, host) } : {}),
    } satisfies ClusterOptions) as unknown as RedisClient;
    const subscriber = () => {
      const known = cluster.nodes!("all").map(({ options: { host, port } }) => ({ host, port }));
      const among = known.length > 0 ? known : nodes;
      const { host, port } = among[Math.floor(Math.random() * among.length)]!;
      return new Redis({ ...listening, host: host!, port: port! });
    };
    return { client: cluster, subscriber, Command: trackedCommandClass(Command, true) };
  }
  const where = (first: number) => {
    const address = kind === "sentinel" ? sentinelSettings(topology, first, connectTimeout) : nodes[0]!;
    return { ...address, db: database } satisfies RedisOptions;
  };
  return {
    client: new Redis({ ...settings, ...where(0) }) as unknown as RedisClient,
    // A client asks the first Sentinel that answers, which may know an old primary: each begins with another Sentinel.
    subscriber: () => new Redis({ ...listening, ...where(Math.floor(Math.random() * nodes.length)) }),
    Command: trackedCommandClass(Command, false),
  };
}

export function retryStrategy(times: number): number {
  return Math.min(50 * times, 1000);
}

export function credentials({ username, password, tls }: Pick<RedisTopology, "username" | "password" | "tls">) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls } : {}),
  };
}

/** @param first the Sentinel that is asked before the others */
export function sentinelSettings({ nodes, tls, sentinel }: RedisTopology, first: number, connectTimeout: number) {
  const { name, username, password, tls: sentinelTLS } = sentinel!;
  return {
    sentinels: [...nodes.slice(first), ...nodes.slice(0, first)],
    name,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(sentinelTLS ? { sentinelTLS } : {}),
    enableTLSForSentinelMode: tls !== null,
    sentinelCommandTimeout: connectTimeout,
  };
}
