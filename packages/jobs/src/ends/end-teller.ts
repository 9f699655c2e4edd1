import { eventOp } from "@aspen/layers";
import { cut, defaultKvPrefix, encodeUtf8, eventLogPrefix, every, type Logger, type Loop } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import type { JobQueue } from "../queue/contract.js";
import type { JobEnd } from "./job-end.js";

/** Milliseconds between two looks for ends that a process died over before it had told them. */
const LOOK_MS = 5000;
/** Milliseconds for which it is known that an end was told: longer than two tell the same one. */
const KNOWN_MS = 86_400_000;
const MESSAGE_CHARACTERS = 1024;

export interface EndTellerParts {
  readonly queue: Pick<JobQueue, "untold" | "told" | "subscribe">;
  readonly kv: KeyValueStore;
  readonly logger: Logger;
}

/**
 * Tells plugins of the ends of their jobs: each end becomes an event of the namespace that is theirs by their name, once.
 * Any number of processes may do so; an end that none has told yet stays in the queue.
 */
export class EndTeller implements AsyncDisposable {
  readonly #parts: EndTellerParts;
  readonly #hinted = new Set<string>();
  readonly #loop: Loop;
  readonly #subscription: Disposable;

  constructor(parts: EndTellerParts) {
    this.#parts = parts;
    const { queue, logger } = parts;
    const onError = (error: unknown) => logger.warn({ error }, "plugins could not be told of the ends of their jobs");
    this.#loop = every(LOOK_MS, (signal) => this.#look(signal), { onError });
    this.#subscription = queue.subscribe((hint) => {
      if (hint.kind !== "ended") return;
      this.#hinted.add(hint.id);
      this.#loop.soon();
    });
    this.#loop.soon();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    await this.#loop[Symbol.asyncDispose]();
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { queue } = this.#parts;
    const hinted = [...this.#hinted];
    this.#hinted.clear();
    for (const id of hinted) for (const end of await queue.untold(id)) await this.#tell(end);
    for (const end of await queue.untold()) {
      if (signal.aborted) return;
      await this.#tell(end);
    }
    // What was told during this look did not start another.
    if (this.#hinted.size > 0) setImmediate(() => this.#loop.soon());
  }

  async #tell(end: JobEnd): Promise<void> {
    const { kv, queue } = this.#parts;
    const { id, type, status, attempts, finishedAt, audience, error } = end;
    const namespace = defaultKvPrefix(audience.plugin);
    const known = `${eventLogPrefix(namespace)}-job-ended:${id}:${finishedAt}`;
    const why = error && { error: { code: error.code, message: cut(error.message, MESSAGE_CHARACTERS) } };
    const event = eventOp(namespace, {
      ...{ topic: `job.${status}`, subject: id, source: "aspen:jobs", chain: audience.chain ?? [] },
      data: { id, type, status, attempts, finishedAt, ...why },
    });
    // Where the check fails, another process, or this one before it lost the answer, has told it.
    await kv.transact({
      checks: [{ key: known, value: null }],
      ops: [{ type: "put", key: known, value: encodeUtf8(""), ttlMs: KNOWN_MS }, event],
    });
    await queue.told(end);
  }
}
