import { AspenError, every, isAspenError, type Logger, type Loop, thrownError } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import type { ServiceState } from "../methods.js";
import { NAMESPACE, SWEEPER } from "../records/keys.js";
import { Deadlines } from "./deadlines.js";
import { Snapshot } from "./snapshot.js";
import { ViewedService } from "./viewed-service.js";

export interface ServiceViewOptions {
  /** Milliseconds between two looks for what has expired. @default 200 */
  expiryMs?: number;
  /** Milliseconds between two questions to the store, by which a silent one is noticed. @default 1000 */
  aliveMs?: number;
  /** Milliseconds before a watch that failed is begun again. @default 250 */
  retryMs?: number;
}

/** Keys that one look for what has expired asks for at once. */
const ASKED = 1000;
/** Milliseconds that a node which is behind what a caller has seen may take to catch up. */
const CATCH_UP_MS = 2000;

type Wake = (changed: string | null) => void;

/**
 * The registry as a node sees it: kept up to date by a watch of the store, begun when somebody first looks. While the store
 * cannot be reached, it is what was known last.
 */
export class ServiceView implements AsyncDisposable {
  readonly #kv: KeyValueStore;
  readonly #logger: Logger;
  readonly #options: Required<ServiceViewOptions>;
  readonly #ended = new AbortController();
  readonly #wakes = new Set<Wake>();
  #deadlines = new Deadlines();
  #snapshot: Snapshot | null = null;
  /** Index of a service that nobody has heard of. */
  #base = 1;
  /** Of the last change to any service. */
  #index = 1;
  #following = false;
  #silent = false;
  #loops: Loop[] = [];
  #running: Promise<void> | undefined;

  constructor(
    kv: KeyValueStore,
    logger: Logger,
    { expiryMs = 200, aliveMs = 1000, retryMs = 250 }: ServiceViewOptions = {},
  ) {
    this.#kv = kv;
    this.#logger = logger;
    this.#options = { expiryMs, aliveMs, retryMs };
  }

  /** True while what it says may be out of date. */
  get stale(): boolean {
    return !this.#following || this.#silent;
  }

  /** Resolves when it knows the registry. @throws AspenError `STORE_UNAVAILABLE` when the store does not answer in time */
  async ready(signal: AbortSignal = AbortSignal.timeout(10_000)): Promise<void> {
    this.#begin();
    if (this.#snapshot) return;
    await this.#woken(() => this.#snapshot !== null, AbortSignal.any([signal, AbortSignal.timeout(10_000)]));
    if (!this.#snapshot) throw new AspenError("STORE_UNAVAILABLE", "the registry could not be read yet; try again");
  }

  /** Nobody is told of changes any more. */
  get over(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Index of a service: the version of its last change. */
  indexOf(name: string): number {
    return Math.max(1, this.#snapshot?.services.get(name)?.index ?? this.#base);
  }

  /** Index of all services. */
  get index(): number {
    return Math.max(1, this.#index);
  }

  /** Resolves when it has seen a version of the registry, or when it does not come in time. */
  async reach(version: number, signal: AbortSignal): Promise<void> {
    const seen = () => (this.#snapshot?.version ?? 0) >= version;
    if (!seen()) await this.#woken(seen, AbortSignal.any([signal, AbortSignal.timeout(CATCH_UP_MS)]));
  }

  /** What is known of a service; of none, it has no instances. */
  state(name: string): ServiceState {
    const service = this.#snapshot?.services.get(name);
    return { service: name, index: this.indexOf(name), instances: service?.list() ?? [], stale: this.stale };
  }

  /** The service whose name is this one but for the case of its letters; null when there is none. */
  named(name: string): string | null {
    const lower = name.toLowerCase();
    for (const [other, service] of this.#snapshot?.services ?? []) {
      if (other.length === name.length && !service.empty && other.toLowerCase() === lower) return other;
    }
    return null;
  }

  /** The services that have instances. */
  services(): ViewedService[] {
    return [...(this.#snapshot?.services.values() ?? [])].filter((service) => service.list().length > 0);
  }

  /**
   * Resolves when what `indexOf` gives is above `index`, after `waitMs`, or when the signal aborts. A node that is behind
   * the index, which another gave, catches up first, so that nobody is shown an older state.
   */
  async changed(indexOf: () => number, index: number, waitMs: number, signal: AbortSignal): Promise<void> {
    await this.reach(index, signal);
    // An index that this store has never had: whoever has it begins anew.
    if ((this.#snapshot?.version ?? 0) < index) return;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, Math.ceil(waitMs)))]);
    await this.#woken(() => indexOf() > index, limit);
  }

  /** Tells of each change the service's name; null when any may have changed. Returns what ends it. */
  on(listener: Wake): () => void {
    this.#begin();
    this.#wakes.add(listener);
    return () => void this.#wakes.delete(listener);
  }

  /** Lets everybody who waits for a change go. */
  stop(): void {
    this.#ended.abort();
    this.#wake(null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await Promise.all(this.#loops.map((loop) => loop[Symbol.asyncDispose]()));
    await this.#running;
  }

  #begin(): void {
    if (this.#running || this.#ended.signal.aborted) return;
    this.#running = this.#follow();
    const { signal } = this.#ended;
    const onError = (error: unknown) => this.#heard(error);
    this.#loops = [
      every(this.#options.expiryMs, () => this.#expire(), { signal, onError }),
      every(this.#options.aliveMs, () => this.#ask(), { signal, onError }),
    ];
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        // A slow loop or a store that was away: the next watch begins with everything.
        if (!isAspenError(error) || error.code !== "WATCH_COMPACTED") this.#heard(error);
      }
      this.#following = false;
      this.#wake("");
      if (!signal.aborted) await pause(this.#options.retryMs, signal);
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const deadlines = new Deadlines();
    const next = new Snapshot(deadlines, (key) =>
      this.#logger.warn({ key }, "what is stored as an instance of a service cannot be read"),
    );
    let synced = false;
    for await (const event of this.#kv.watch(NAMESPACE, { signal })) {
      if (event.type === "synced") {
        synced = true;
        this.#adopt(next, deadlines, event.version);
        continue;
      }
      const changed = next.apply(event);
      if (!synced) continue;
      if (changed) this.#index = Math.max(this.#index, changed.index);
      // Also where nothing changed: somebody may wait for this view to catch up.
      this.#wake(changed?.name ?? "");
    }
  }

  /** What did not change while the watch was away keeps its index, so that nobody is woken for nothing. */
  #adopt(next: Snapshot, deadlines: Deadlines, version: number): void {
    const before = this.#snapshot;
    next.version = Math.max(next.version, version);
    for (const service of next.services.values()) {
      const old = before?.services.get(service.name);
      service.index = old && old.fingerprint() === service.fingerprint() ? old.index : version;
      this.#index = Math.max(this.#index, service.index);
    }
    for (const [name, old] of before?.services ?? []) {
      if (next.services.has(name)) continue;
      next.services.set(name, new ViewedService(name, old.empty ? old.index : version));
      this.#index = Math.max(this.#index, version);
    }
    if (!before) {
      this.#base = version;
      this.#index = Math.max(this.#index, version);
    }
    this.#snapshot = next;
    this.#deadlines = deadlines;
    this.#following = true;
    this.#silent = false;
    this.#wake(null);
  }

  /** The store decides what has expired; while it does not answer, nothing has. */
  async #expire(): Promise<void> {
    const due = this.#deadlines.due();
    for (let at = 0; at < due.length; at += ASKED) {
      const part = due.slice(at, at + ASKED);
      try {
        const found = await this.#kv.getMany(part.map(({ key }) => key));
        for (const [index, held] of part.entries()) {
          if (found[index]) held.deadline = performance.now() + (held.ttlMs ?? 0) / 10;
          else held.over = true;
        }
      } finally {
        for (const held of part) if (!held.over) this.#deadlines.add(held);
      }
    }
  }

  async #ask(): Promise<void> {
    await this.#kv.get(SWEEPER);
    this.#silent = false;
  }

  #heard(error: unknown): void {
    if (!this.#silent) this.#logger.warn({ err: thrownError(error) }, "the registry is what was known last");
    this.#silent = true;
  }

  #wake(changed: string | null): void {
    for (const wake of [...this.#wakes]) wake(changed);
  }

  async #woken(done: () => boolean, signal: AbortSignal): Promise<void> {
    if (done() || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        this.#wakes.delete(look);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const look = () => (done() || this.#ended.signal.aborted) && end();
      this.#wakes.add(look);
      signal.addEventListener("abort", end, { once: true });
    });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
