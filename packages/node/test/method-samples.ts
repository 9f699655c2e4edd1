/** A call of a core method that succeeds on a node with the plugin `counter`, in this order. */
export interface MethodSample {
  method: string;
  params: Record<string, unknown>;
  /** A prefix that covers the keys it names, and a prefix that covers one of them only by its first letters. */
  keys?: { granted: string; other: string };
  /** Methods that must be granted. @default its own */
  needs?: readonly string[];
  /** What it names is there for an admin only: for others it answers `TOKEN_NOT_FOUND`. */
  hidden?: boolean;
}

const keys = { granted: "t:a", other: "t:ab" };

export function methodSamples(plugin: Record<string, unknown>, hash: string, token: string): MethodSample[] {
  const name = "counter";
  return [
    { method: "node.info", params: {} },
    { method: "rpc.describe", params: {} },
    { method: "cluster.nodes", params: { serving: "kv.get" } },
    { method: "kv.put", params: { key: "t:a", value: { base64: "/w==" } }, keys },
    { method: "kv.get", params: { key: "t:a" }, keys },
    { method: "kv.scan", params: { prefix: "t:a" }, keys },
    { method: "kv.cas", params: { key: "t:a", expected: { base64: "/w==" }, value: "1", ttlMs: 60_000 }, keys },
    { method: "kv.append", params: { prefix: "t:a", value: "1", ttlMs: 60_000 }, keys },
    { method: "kv.delete", params: { key: "t:a" }, keys },
    { method: "blob.put", params: { value: "", reference: "mine" } },
    { method: "blob.get", params: { hash } },
    { method: "blob.has", params: { hash } },
    { method: "blob.stat", params: { hash } },
    { method: "blob.addReference", params: { hash, tag: "other" } },
    { method: "blob.references", params: { hash } },
    { method: "blob.removeReference", params: { hash, tag: "other" } },
    { method: "blob.gc", params: { dryRun: true } },
    { method: "audit.list", params: { limit: 10 } },
    { method: "token.create", params: { methods: ["token.create"], expiresInMs: 60_000, name: "sample" } },
    { method: "token.list", params: { limit: 10 } },
    { method: "token.inspect", params: { id: token }, hidden: true },
    { method: "token.revoke", params: { id: token }, hidden: true },
    { method: "token.rotate", params: {}, needs: ["token.rotate", "admin"] },
    { method: "plugin.install", params: plugin },
    { method: "plugin.list", params: {} },
    { method: "plugin.info", params: { name } },
    { method: "plugin.deadEvents", params: { name } },
    { method: "plugin.redriveDeadEvents", params: { name } },
    { method: "plugin.purgeDeadEvents", params: { name } },
    { method: "plugin.logs", params: { name, limit: 10, level: "info" } },
    { method: "plugin.update", params: plugin },
    { method: "plugin.reload", params: { name } },
    { method: "plugin.disable", params: { name } },
    { method: "plugin.enable", params: { name } },
    { method: "plugin.remove", params: { name } },
  ];
}
