import { AspenError } from "@aspen/plugin-api/abi";
import type { RpcClient } from "@aspen/rpc-core/remote";
import type { ServiceState } from "../methods.js";
import type { InstanceFilter } from "../records/filters.js";
import type { Instance } from "../records/instance.js";

export interface ServiceWatchOptions extends InstanceFilter {
  /** Longest wait of one question in milliseconds. @default 55_000 */
  waitMs?: number;
  /** Milliseconds before the first new attempt after a failure; doubles up to 30 times that. @default 250 */
  retryMs?: number;
}

/** Milliseconds that an answer may be late before a question counts as lost. */
const LATE_MS = 5000;

/** What is known of a service, kept up to date in the background; while no node answers, what was known last. */
export class ServiceWatch implements Disposable {
  readonly #client: RpcClient;
  readonly #service: string;
  readonly #filter: InstanceFilter;
  readonly #waitMs: number;
  readonly #retryMs: number;
  readonly #ended = new AbortController();
  readonly #listeners = new Set<(state: ServiceState) => void>();
  #state: ServiceState | undefined;
  #failing = false;
  #first: Promise<void>;

  constructor(
    client: RpcClient,
    service: string,
    { waitMs = 55_000, retryMs = 250, ...filter }: ServiceWatchOptions = {},
  ) {
    this.#client = client;
    this.#service = service;
    this.#filter = filter;
    this.#waitMs = waitMs;
    this.#retryMs = retryMs;
    this.#first = new Promise((resolve) => {
      const end = this.on(() => {
        end();
        resolve();
      });
      this.#ended.signal.addEventListener("abort", () => resolve());
    });
    void this.#follow();
  }

  /** By their ids; empty before the first answer. */
  get instances(): readonly Instance[] {
    return this.#state?.instances ?? [];
  }

  /** Of the newest state; 0 before the first. It never falls. */
  get index(): number {
    return this.#state?.index ?? 0;
  }

  /** True while what it says may be out of date: no node answers, or the node cannot reach its store. */
  get stale(): boolean {
    return this.#failing || (this.#state?.stale ?? true);
  }

  /** Resolves when it knows the service. @throws AspenError `CANCELLED` when it is ended before, or the signal aborts */
  async ready(signal?: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
    if (!signal?.aborted) await Promise.race([this.#first, aborted]);
    if (!this.#state) throw new AspenError("CANCELLED", `the watch of ${this.#service} ended before its first answer`);
  }

  /** Hears of each new state. Returns what ends that. */
  on(listener: (state: ServiceState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#listeners.clear();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const wait = { index: this.index, waitMs: this.#waitMs };
        const options = { signal, timeoutMs: this.#waitMs + LATE_MS };
        const question = { service: this.#service, ...wait, ...this.#filter };
        const state = await this.#client.call("service.watch", question, options);
        failures = 0;
        this.#failing = false;
        const news = state.index > this.index;
        this.#hear(state);
        // A node that stops, that knows less, or whose store is away, answers at once.
        if (!news || state.stale) await pause(this.#retryMs, signal);
      } catch {
        if (signal.aborted) return;
        this.#failing = true;
        await pause(this.#retryMs * Math.min(2 ** failures++, 30) * (0.75 + Math.random() / 2), signal);
      }
    }
  }

  /** Another node may know less: what is older is not shown. */
  #hear(state: ServiceState): void {
    const before = this.#state;
    if (before && (state.index < before.index || (state.index === before.index && state.stale === before.stale)))
      return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
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
