import type { EventInput } from "@aspen/layers";
import {
  type AttachmentReader,
  AttachmentReader as Attachments,
  isPermitted,
  LIMITS,
  wholeNamespaces,
} from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { type CallScope, defineHostFunction } from "./host-function.js";
import { envelopeArg, isRecord, optional } from "./parameters.js";
import type { PluginCall } from "./plugin-call.js";

/** An event and where it goes. */
export interface NamedEvent {
  namespace: string;
  event: EventInput;
}

/** Causes of an event that are kept, the latest. */
const CHAIN = 64;
const FIELDS = new Set(["namespace", "topic", "subject", "contentType", "attributes", "dataLength"]);

export const eventsEmit = defineHostFunction<NamedEvent>({
  prepare(scope, args) {
    const { header, attachments } = envelopeArg(args, 0, "event");
    return eventOf(scope, header, new Attachments(attachments));
  },
  cost: () => ({ events: 1 }),
  async run({ kv, eventOp }, { namespace, event }, { grant }, call) {
    const result = await kv.transact({ checks: [], ops: [eventOp(namespace, emittedBy(grant.plugin, event, call))] });
    if (!result.ok) throw new Error("a transaction without checks cannot fail one");
    return result.appended[0]!;
  },
});

/** The name of a plugin among the causes of an event. */
export function causeOf(plugin: string): string {
  return `plugin:${plugin}`;
}

/** Of a host function that emits beside what else it does. @throws AspenError `PERMISSION_DENIED` */
export function assertMayEmit({ grant }: CallScope, hostFunction: string): void {
  if (isPermitted(grant.permissions, "events:emit")) return;
  throw hostErrors.permissionDenied(grant.plugin, hostFunction, "events:emit");
}

/** Reads an event whose data comes next. @throws AspenError */
export function eventOf(scope: CallScope, item: Record<string, unknown>, reader: AttachmentReader): NamedEvent {
  for (const field of Object.keys(item)) {
    if (!FIELDS.has(field)) throw hostErrors.invalidArgument(field, "is no field of an event that a plugin emits");
  }
  const { plugin, kvPrefixes } = scope.grant;
  const own = wholeNamespaces(kvPrefixes);
  const namespace = optional(item.namespace, "string", "namespace") ?? own[0];
  if (namespace === undefined || !own.includes(namespace)) throw hostErrors.noEventNamespace(plugin, namespace);
  const topic = optional(item.topic, "string", "topic") ?? "";
  const subject = optional(item.subject, "string", "subject");
  const contentType = optional(item.contentType, "string", "contentType");
  const { attributes, dataLength } = item;
  if (attributes !== undefined && !isRecord(attributes)) {
    throw hostErrors.invalidArgument("attributes", "must be an object of texts");
  }
  const data = dataLength === undefined ? undefined : reader.next(dataLength as number);
  if (data && data.length > LIMITS.eventDataBytes) {
    throw hostErrors.parameterTooLarge("the data of an event", data.length, LIMITS.eventDataBytes);
  }
  return {
    namespace,
    event: {
      topic,
      ...(data === undefined ? {} : { data }),
      ...(subject === undefined ? {} : { subject }),
      ...(contentType === undefined ? {} : { contentType }),
      // Its values are checked with the rest of the event.
      ...(attributes === undefined ? {} : { attributes: attributes as Record<string, string> }),
    },
  };
}

/** With what the node alone says: who emits it, and what it was caused by. */
export function emittedBy(plugin: string, event: EventInput, { chain = [] }: PluginCall): EventInput {
  const source = `aspen:plugin/${plugin}`;
  return chain.length === 0 ? { ...event, source } : { ...event, source, chain: causes(chain) };
}

/** Those that are kept. */
export function causes(chain: readonly string[]): readonly string[] {
  return chain.slice(-CHAIN);
}
