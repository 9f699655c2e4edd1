import type { AuditTrail } from "@aspen/layers";
import { type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import type { KeyValueStore } from "@aspen/storage";
import { z } from "zod";

const entry = z.strictObject({
  key: z.string().describe("Its place in the trail."),
  at: z.number().describe("Milliseconds since the epoch."),
  action: z.string().describe("What was done: plugin.install, token.revoke."),
  subject: z.string().describe("To what: the plugin's name, the token's id."),
  by: z.strictObject({ kind: z.string(), id: z.string(), requestId: z.string().optional() }),
  details: z.record(z.string(), z.unknown()).readonly().optional(),
});

/** `audit.list`. */
export function auditHandler(kv: Pick<KeyValueStore, "scan">, audit: AuditTrail): HandlerFactory {
  return methodsHandlerFactory({ name: "audit", priority: 106, methods: () => auditMethods(kv, audit) });
}

/** Params and results of the methods, from the table below. */
export type AuditMethods = MethodsOf<ReturnType<typeof auditMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends AuditMethods {}
}

function auditMethods(kv: Pick<KeyValueStore, "scan">, audit: AuditTrail) {
  return {
    "audit.list": method({
      summary:
        "One page of who installed, granted, revoked and removed plugins and tokens, the newest first; cursor null at the end.",
      params: z.strictObject({ after: z.string().max(4096).optional(), limit: z.int().min(1).max(1000).optional() }),
      result: z.strictObject({
        entries: z.array(entry),
        unreadable: z.array(z.string()).describe("Keys of entries that cannot be read."),
        cursor: z.string().nullable(),
      }),
      safe: true,
      handle: (paging) => audit.list(kv, paging),
    }),
  };
}
