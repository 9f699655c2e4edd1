import type { AuditActor } from "@aspen/layers";
import type { RequestContext } from "@aspen/rpc-core";

/** Who asks, for the audit trail. */
export function actorOf({ caller: { kind, id }, requestId }: Pick<RequestContext, "caller" | "requestId">): AuditActor {
  return { kind, id, requestId };
}
