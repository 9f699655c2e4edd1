import { ConsulError } from "./consul-error.js";
import type { Route } from "./consul-parts.js";
import { durationMs, durationText } from "./duration.js";
import { anyCase, text } from "./registration.js";
import type { FoundSession } from "./sessions.js";

/** Consul's own bounds (https://developer.hashicorp.com/consul/api-docs/session). */
const TTL_MS = { least: 10_000, most: 86_400_000 };
const LOCK_DELAY_MS = { usual: 15_000, most: 60_000 };
/** What a caller is granted for these routes. */
const GRANT = "consul.session";

/** `/v1/session/…` */
export const SESSION_ROUTES: Readonly<Record<string, Route>> = {
  "PUT session/create": async (request, { sessions, self }) => {
    request.allow(GRANT);
    const fields = anyCase(await request.json());
    const behavior = text(fields, "Behavior") || "release";
    if (behavior !== "release" && behavior !== "delete") throw new ConsulError(400, "Invalid Behavior setting");
    const ttl = text(fields, "TTL") || "";
    const ttlMs = ttl === "" ? null : durationMs("TTL", ttl);
    if (ttlMs !== null && (ttlMs < TTL_MS.least || ttlMs > TTL_MS.most)) {
      throw new ConsulError(400, "Invalid Session TTL, must be between [10s=24h0m0s]");
    }
    const delay = fields.get("lockdelay");
    const lockDelayMs = delay === undefined || delay === "" ? LOCK_DELAY_MS.usual : durationMs("LockDelay", delay);
    if (lockDelayMs > LOCK_DELAY_MS.most) throw new ConsulError(400, "Invalid LockDelay: at most 60s");
    const [name, node] = [text(fields, "Name") ?? "", text(fields, "Node") || self.node];
    if (name.length > 512 || node.length > 512) throw new ConsulError(400, "Name and Node have at most 512 characters");
    return { body: { ID: await sessions.create({ name, node, lockDelayMs, behavior, ttlMs }) } };
  },
  "PUT session/destroy/:id": async (request, { sessions }) => {
    request.allow(GRANT);
    await sessions.destroy(idOf(request.path[2]!));
    return { body: true };
  },
  "PUT session/renew/:id": async (request, { sessions }) => {
    request.allow(GRANT);
    const id = idOf(request.path[2]!);
    const session = await sessions.renew(id);
    if (!session) throw new ConsulError(404, `Session id '${id}' not found`);
    return { body: [shown(session)] };
  },
  "GET session/info/:id": async (request, { sessions }) => {
    request.allow(GRANT);
    const session = await sessions.get(idOf(request.path[2]!));
    return { body: session ? [shown(session)] : [], index: session?.version ?? 1 };
  },
  "GET session/list": async (request, { sessions }) => {
    request.allow(GRANT);
    return listed(await sessions.list());
  },
  "GET session/node/:node": async (request, { sessions }) => {
    request.allow(GRANT);
    return listed((await sessions.list()).filter(({ node }) => node === request.path[2]));
  },
};

function listed(sessions: readonly FoundSession[]) {
  return { body: sessions.map(shown), index: Math.max(1, ...sessions.map(({ version }) => version)) };
}

function idOf(text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) throw new ConsulError(400, "Invalid session id");
  return text;
}

function shown({ id, name, node, lockDelayMs, behavior, ttlMs, version }: FoundSession) {
  return {
    ...{ ID: id, Name: name, Node: node, LockDelay: lockDelayMs * 1e6, Behavior: behavior },
    ...{ TTL: ttlMs === null ? "" : durationText(ttlMs), NodeChecks: [], ServiceChecks: null },
    ...{ CreateIndex: version, ModifyIndex: version },
  };
}
