import { isAspenError } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { isTransient, Patience, pause } from "../transient.js";
import type { LoggedEvent } from "./event.js";
import { EventReader, type OnUnreadable } from "./event-reader.js";
import type { Place } from "./place.js";

export interface FollowNamespaceOptions {
  after: Place | null;
  from: "start" | "now";
  patienceMs: number;
  signal: AbortSignal;
  onUnreadable: OnUnreadable | undefined;
}

/** Milliseconds after which a watch that ended counts as one that worked. */
const WORKED_MS = 2000;
/** Milliseconds before the stored events are read again, when the watch could not tell all that came since. */
const MISSED_MS = 5;

/** The events of one namespace behind a place, those that are stored and those that come, until the signal aborts. */
export async function* followNamespace(
  kv: KeyValueStore,
  namespace: string,
  { after, from, patienceMs, signal, onUnreadable }: FollowNamespaceOptions,
): AsyncGenerator<LoggedEvent, void, undefined> {
  const reader = new EventReader(kv, namespace, after, onUnreadable);
  const patience = new Patience(patienceMs);
  let begun = after !== null || from === "start";
  while (!signal.aborted) {
    let watchingSince = Number.POSITIVE_INFINITY;
    try {
      // Asked before the stored events are read: what comes behind it is told by the watch, what came before is stored.
      const version = await reader.version();
      if (!begun) await reader.skip();
      begun = true;
      for await (const event of reader.stored()) {
        if (signal.aborted) return;
        patience.reset();
        yield event;
      }
      watchingSince = performance.now();
      for await (const event of reader.coming(version, signal)) {
        if (signal.aborted) return;
        patience.reset();
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      // The watch was too slow, or the namespace was not watched before: what it cannot tell is stored.
      if (isAspenError(error) && error.code === "WATCH_COMPACTED") {
        await pause(MISSED_MS, signal);
        continue;
      }
      if (!isTransient(error)) throw error;
      if (performance.now() - watchingSince > WORKED_MS) patience.reset();
      await patience.afterFailure(error, signal);
    }
  }
}
