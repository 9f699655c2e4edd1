import { randomUUID } from "node:crypto";
import { EventLog } from "@aspen/layers";
import { AspenError, namespaceOf } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";
import type { KeyValueStore } from "@aspen/storage";
import { causeOf } from "../host-context/events.js";
import { DeadEvents } from "./dead-events.js";
import type { NotifyTarget } from "./plugin-background.js";
import { pluginEvent } from "./plugin-event.js";

export interface RedriveOptions {
  kv: KeyValueStore;
  plugin: string;
  /** Tells the plugin. */
  target: NotifyTarget;
  /** Who asks for it. */
  caller: Caller;
  /** Only this one, by its id. @default all, the oldest first */
  event?: string | undefined;
  /** Ends it before the next event. @default never */
  signal?: AbortSignal | undefined;
}

/** What came of telling a plugin of its dead events again. */
export interface Redriven {
  /** Ids of those that it took; they are dead no more. */
  taken: string[];
  /** Those that it did not take; they stay dead. */
  failed: { event: string; error: { code: string; message: string } }[];
  /** Ids of those that the log of their namespace keeps no more; they stay dead, until they are purged. */
  gone: string[];
}

/**
 * Tells a plugin of its dead events again, each once, one after the other, beside the events that come. One that it takes is
 * dead no more; when the node dies between the two, it may be told once more.
 */
export async function redriveDeadEvents(options: RedriveOptions): Promise<Redriven> {
  const { kv, plugin, target, caller, event: only, signal } = options;
  const dead = new DeadEvents(kv, plugin);
  const log = new EventLog(kv);
  const redriven: Redriven = { taken: [], failed: [], gone: [] };
  for (const { event: id, attempts } of await dead.list()) {
    if (only !== undefined && id !== only) continue;
    signal?.throwIfAborted();
    const event = await log.get(namespaceOf(id), id);
    if (!event) {
      redriven.gone.push(id);
      continue;
    }
    const chain = [...event.chain.filter((cause) => cause !== causeOf(plugin)), causeOf(plugin)];
    try {
      const told = { requestId: randomUUID(), caller, chain, signal: signal ?? new AbortController().signal };
      await target.notify("event", pluginEvent(event, attempts + 1), told);
      await dead.purge(id);
      redriven.taken.push(id);
    } catch (thrown) {
      const { code, message } = AspenError.from(thrown);
      redriven.failed.push({ event: id, error: { code, message } });
    }
  }
  return redriven;
}
