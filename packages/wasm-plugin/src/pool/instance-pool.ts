import { setMaxListeners } from "node:events";
import type { GuestExport } from "@aspen/plugin-api";
import { wasmErrors } from "../errors.js";
import type { ResolvedWasmRuntimeOptions } from "../options.js";
import { Instance, type InstanceCall, type InstanceOptions, LoadFailure } from "./instance.js";
import type { CallOutcome } from "./messages.js";
import type { SpareWorkers } from "./spares.js";

/** A call on its way: it waits in the queue, then an instance has it. */
interface QueuedCall extends InstanceCall {
  queuedAt: number;
  /** Null while it waits. */
  instance: Instance | null;
  /** Its caller waits no more. */
  abandoned: boolean;
}

export interface InstancePoolOptions extends InstanceOptions {
  maxInstances: number;
  spares: SpareWorkers;
  /** Called when the pool holds nothing any more. */
  onClosed(): void;
  runtime: ResolvedWasmRuntimeOptions;
}

/** Every instance of one plugin on this node, and the calls that wait for one. */
export class InstancePool {
  readonly #instances = new Set<Instance>();
  readonly #queue: QueuedCall[] = [];
  #starting = 0;
  #sequence = 0;
  /** Takes no more calls. */
  #draining = false;
  /** Ends what it has. */
  #closed = false;
  readonly #starts = new Set<AbortController>();
  #scaleTimer: NodeJS.Timeout | null = null;
  readonly #idleTimer: NodeJS.Timeout;
  readonly #drained = new Set<() => void>();

  constructor(private readonly options: InstancePoolOptions) {
    this.#idleTimer = setInterval(() => this.#dropIdle(), Math.max(1000, options.runtime.idleMs / 4));
    this.#idleTimer.unref();
  }

  /** Starts the first instance; resolves with what its `plugin_info` says. @throws LoadFailure */
  async start(): Promise<string> {
    return this.#startInstance();
  }

  /** Runs a guest export on the first instance that is free. @throws AspenError `PLUGIN_UNAVAILABLE`, `CANCELLED` */
  call(name: GuestExport, input: string, signal?: AbortSignal): Promise<CallOutcome> {
    const { plugin, runtime } = this.options;
    return new Promise<CallOutcome>((resolve, reject) => {
      if (this.#draining) return reject(wasmErrors.unavailable(plugin, "it is stopping"));
      if (signal?.aborted) return reject(wasmErrors.cancelled(plugin));
      if (this.#queue.length >= runtime.maxQueuedCalls) {
        return reject(
          wasmErrors.unavailable(plugin, `${this.#queue.length} calls are waiting already; try again later`),
        );
      }
      const call: QueuedCall = {
        name,
        input,
        queuedAt: performance.now(),
        instance: null,
        abandoned: false,
        sequence: 0,
        settle: resolve,
      };
      if (signal) {
        const onAbort = () => {
          this.#abandon(call);
          reject(wasmErrors.cancelled(plugin));
        };
        // One signal may stand for any number of calls; that is no leak.
        setMaxListeners(0, signal);
        signal.addEventListener("abort", onAbort, { once: true });
        call.settle = (outcome) => {
          signal.removeEventListener("abort", onAbort);
          resolve(outcome);
        };
      }
      this.#queue.push(call);
      this.#pump();
    });
  }

  /** Takes no more calls, waits until those it has are answered or the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    if (this.#idle || this.#closed || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#drained.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Runs an export once on each instance, whatever it answers. */
  async callEach(name: GuestExport): Promise<void> {
    await Promise.all(
      [...this.#instances].map(
        (instance) =>
          new Promise<void>((resolve) => {
            instance.send({ sequence: this.#nextSequence(), name, input: "", settle: () => resolve() });
          }),
      ),
    );
  }

  async close(): Promise<void> {
    this.#draining = true;
    this.#closed = true;
    for (const start of this.#starts) start.abort();
    clearInterval(this.#idleTimer);
    if (this.#scaleTimer) clearTimeout(this.#scaleTimer);
    const gone: CallOutcome = { kind: "trap", message: "the plugin was stopped", memoryBytes: 0 };
    for (const call of this.#queue.splice(0)) call.settle(gone);
    await Promise.all([...this.#instances].map((instance) => instance.terminate(gone)));
    this.#instances.clear();
    this.#tellDrained();
    this.options.onClosed();
  }

  get instanceCount(): number {
    return this.#instances.size;
  }

  get #idle(): boolean {
    return this.#queue.length === 0 && [...this.#instances].every(({ busy }) => busy === 0);
  }

  #pump(): void {
    for (let target = this.#freest(); target && this.#queue.length > 0; target = this.#freest()) {
      this.#assign(target, this.#queue.shift()!);
    }
    if (this.#queue.length > 0) this.#scaleUp();
    if (this.#idle) this.#tellDrained();
  }

  #tellDrained(): void {
    for (const resolve of this.#drained) resolve();
    this.#drained.clear();
  }

  /** The instance with the fewest calls among those with room. */
  #freest(): Instance | null {
    let best: Instance | null = null;
    for (const instance of this.#instances) {
      if (instance.room > 0 && (!best || instance.busy < best.busy)) best = instance;
    }
    return best;
  }

  /** From 1 to what a 32-bit word of shared memory holds, then again. */
  #nextSequence(): number {
    this.#sequence = (this.#sequence % 0x7fff_ffff) + 1;
    return this.#sequence;
  }

  #assign(instance: Instance, queued: QueuedCall): void {
    queued.instance = instance;
    queued.sequence = this.#nextSequence();
    instance.send(queued);
  }

  #scaleUp(): void {
    const { maxInstances, runtime } = this.options;
    if (this.#closed) return;
    if (this.#instances.size + this.#starting >= maxInstances) return;
    if (this.#instances.size + this.#starting === 0) {
      this.#startMore();
      return;
    }
    const oldest = this.#queue[0];
    if (!oldest || this.#scaleTimer) return;
    const wait = Math.max(0, oldest.queuedAt + runtime.scaleUpAfterMs - performance.now());
    this.#scaleTimer = setTimeout(() => {
      this.#scaleTimer = null;
      const first = this.#queue[0];
      if (!first || this.#closed) return;
      if (performance.now() - first.queuedAt >= runtime.scaleUpAfterMs) this.#startMore();
      else this.#scaleUp();
    }, wait);
  }

  #startMore(): void {
    this.#startInstance().then(
      () => this.#pump(),
      (error) => {
        // With no instance left and none to be had, those who wait must hear why.
        if (this.#instances.size > 0 || this.#starting > 0) return;
        const outcome: CallOutcome =
          error instanceof LoadFailure
            ? error.outcome
            : { kind: "trap", message: `no worker could be started: ${String(error)}`, memoryBytes: 0 };
        for (const call of this.#queue.splice(0)) call.settle(outcome);
        if (this.#idle) this.#tellDrained();
      },
    );
  }

  async #startInstance(): Promise<string> {
    this.#starting += 1;
    const start = new AbortController();
    this.#starts.add(start);
    try {
      const worker = await this.options.spares.take();
      const holder: { instance: Instance | null } = { instance: null };
      const { instance, info } = await Instance.load(
        worker,
        this.options,
        {
          ready: () => this.#pump(),
          gone: (unstarted) => {
            if (holder.instance) this.#instances.delete(holder.instance);
            this.#requeue(unstarted);
          },
        },
        this.options.runtime.startTimeoutMs,
        start.signal,
      );
      holder.instance = instance;
      this.#instances.add(instance);
      return info;
    } finally {
      this.#starting -= 1;
      this.#starts.delete(start);
    }
  }

  /** Puts calls that never began back in front, in their order. */
  #requeue(calls: readonly InstanceCall[]): void {
    const queued = calls.filter((call): call is QueuedCall => "queuedAt" in call && !(call as QueuedCall).abandoned);
    for (const call of queued) call.instance = null;
    this.#queue.unshift(...queued);
    this.#pump();
    // A replacement is wanted even when nobody waits, so that the next call finds one.
    if (!this.#draining && this.#instances.size + this.#starting === 0) this.#startMore();
  }

  #abandon(call: QueuedCall): void {
    call.abandoned = true;
    const index = this.#queue.indexOf(call);
    if (index >= 0) this.#queue.splice(index, 1);
    else call.instance?.interrupt(call.sequence);
  }

  #dropIdle(): void {
    const limit = performance.now() - this.options.runtime.idleMs;
    for (const instance of this.#instances) {
      if (this.#instances.size <= 1) return;
      if (instance.busy > 0 || instance.lastUsed > limit) continue;
      this.#instances.delete(instance);
      void instance.terminate({ kind: "trap", message: "the idle instance was dropped", memoryBytes: 0 });
    }
  }
}
