import { setMaxListeners } from "node:events";
import { availableParallelism } from "node:os";
import type { GuestExport } from "@aspen/plugin-api";
import { Backoff, type PluginCall } from "@aspen/plugin-host";
import { wasmErrors } from "../errors.js";
import type { ResolvedWasmRuntimeOptions } from "../options.js";
import { type GuestInput, inputBytes } from "../protocol/guest-input.js";
import type { CallOutcome } from "../protocol/messages.js";
import { ComputeSlots } from "./compute-slots.js";
import { Instance } from "./instance.js";
import type { InstanceOptions } from "./instance-options.js";
import { LoadFailure } from "./loading.js";
import type { InstanceCall } from "./sent-calls.js";
import type { SpareWorkers } from "./spares.js";

/**
 * Milliseconds that the main thread itself works for a call. While a call takes a worker less than that, one worker
 * keeps up with the main thread, and a second worker would only compete with both for a core.
 */
const MAIN_THREAD_MS = 0.02;

/**
 * Instances of one plugin that compute at the same time; those that wait for a host call do not count. There are two on
 * the smallest machine, so that a quick call does not wait for a long one.
 */
const COMPUTING_MAX = Math.max(2, availableParallelism() - 1);

const STOPPED: CallOutcome = { kind: "trap", message: "the plugin was stopped", memoryBytes: 0 };

/** A call on its way: it waits in the queue, then an instance has it. */
interface QueuedCall extends InstanceCall {
  queuedAt: number;
  /** Null while it waits. */
  instance: Instance | null;
  /** Its caller no longer waits. */
  abandoned: boolean;
  /** Bytes of its input that count towards `maxQueuedBytes`; 0 once the call has ended. */
  bytes: number;
}

export interface InstancePoolOptions extends Omit<InstanceOptions, "slots"> {
  spares: SpareWorkers;
  /** Instances that compute at the same time. @default as many as the machine has cores but one, at least 2 */
  computing?: number;
  /** Another instance could not be started; the next try is not before `retryMs` have passed. */
  onStartFailed(error: unknown, retryMs: number): void;
  /** A call waited so many milliseconds for an instance. @default nobody hears of it */
  onWaited?(ms: number): void;
  /** An instance ended before its time. @default nobody hears of it */
  onRestart?(): void;
  /** Called when the pool holds nothing any more. */
  onClosed(): void;
  runtime: ResolvedWasmRuntimeOptions;
}

export interface PoolCallOptions {
  signal?: AbortSignal | undefined;
  /** When its signal aborts, it rejects once the guest runs it no more, and not at once. @default false */
  outlastsGuest?: boolean | undefined;
  /** What its host calls come from. @default nothing is known */
  origin?: PluginCall | undefined;
}

/** Every instance of one plugin on this node, and the calls that wait for one. */
export class InstancePool {
  readonly #instances = new Set<Instance>();
  readonly #queue: QueuedCall[] = [];
  #bytes = 0;
  /** Takes no more calls. */
  #draining = false;
  /** It has ended its instances and calls. */
  #closed = false;
  /** Starts under way and how to give them up. */
  readonly #starts = new Map<Promise<string>, AbortController>();
  readonly #slots: ComputeSlots;
  readonly #backoff = new Backoff();
  /** How the last start failed. */
  #failure: CallOutcome | null = null;
  #scaleTimer: NodeJS.Timeout | null = null;
  readonly #idleTimer: NodeJS.Timeout;
  readonly #drained = new Set<() => void>();

  constructor(private readonly options: InstancePoolOptions) {
    this.#slots = new ComputeSlots(options.computing ?? COMPUTING_MAX, () => this.#pump());
    this.#idleTimer = setInterval(() => this.#dropIdle(), Math.max(1000, options.runtime.idleMs / 4));
    this.#idleTimer.unref();
  }

  /** Starts the first instance; resolves with what its `plugin_info` says. @throws LoadFailure */
  async start(): Promise<string> {
    return this.#startInstance();
  }

  /** Runs a guest export on the first instance that is free. @throws AspenError `PLUGIN_UNAVAILABLE`, `CANCELLED` */
  call(
    name: GuestExport,
    input: GuestInput,
    { signal, outlastsGuest = false, origin }: PoolCallOptions = {},
  ): Promise<CallOutcome> {
    const { plugin, runtime } = this.options;
    return new Promise<CallOutcome>((resolve, reject) => {
      if (this.#draining) return reject(wasmErrors.unavailable(plugin, "it is stopping"));
      if (signal?.aborted) return reject(wasmErrors.cancelled(plugin));
      if (this.#queue.length >= runtime.maxQueuedCalls) {
        return reject(
          wasmErrors.unavailable(plugin, `${this.#queue.length} calls are waiting already; try again later`),
        );
      }
      const bytes = inputBytes(input);
      if (this.#bytes > 0 && this.#bytes + bytes > runtime.maxQueuedBytes) {
        const held = `calls with ${this.#bytes} bytes of ${runtime.maxQueuedBytes} are waiting or running already`;
        return reject(wasmErrors.unavailable(plugin, `${held}; try again later`));
      }
      const call: QueuedCall = {
        name,
        input,
        queuedAt: performance.now(),
        instance: null,
        abandoned: false,
        bytes,
        sequence: 0,
        origin,
        settle: (outcome) => {
          this.#release(call);
          resolve(outcome);
        },
      };
      if (signal) {
        const onAbort = () => {
          this.#abandon(call);
          if (call.instance === null || !outlastsGuest) reject(wasmErrors.cancelled(plugin));
        };
        // One signal may belong to any number of calls; that is no leak.
        setMaxListeners(0, signal);
        signal.addEventListener("abort", onAbort, { once: true });
        const { settle } = call;
        call.settle = (outcome) => {
          signal.removeEventListener("abort", onAbort);
          // Of no effect on one that was rejected already.
          if (call.abandoned) reject(wasmErrors.cancelled(plugin));
          settle(outcome);
        };
      }
      this.#bytes += bytes;
      this.#queue.push(call);
      this.#pump();
    });
  }

  /** Takes no more calls, and waits until its calls are answered or the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    if (this.#idle || this.#closed || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#drained.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Runs an export once on each instance, and tells how it ended on each. */
  async callEach(name: GuestExport): Promise<CallOutcome[]> {
    return Promise.all(
      [...this.#instances].map(async (instance) => {
        await this.#slots.wait();
        return new Promise<CallOutcome>((settle) => {
          instance.send({ sequence: 0, name, input: "", pinned: true, settle }, true);
        });
      }),
    );
  }

  async close(): Promise<void> {
    this.#draining = true;
    this.#closed = true;
    for (const start of this.#starts.values()) start.abort(new Error("the plugin was stopped"));
    clearInterval(this.#idleTimer);
    if (this.#scaleTimer) clearTimeout(this.#scaleTimer);
    this.#settleQueue(STOPPED);
    const ended = [...this.#instances].map((instance) => instance.terminate(STOPPED));
    this.#instances.clear();
    this.#tellDrained();
    await Promise.all(ended);
    // Each of them ends its worker before it fails.
    await Promise.allSettled(this.#starts.keys());
    this.options.onClosed();
  }

  get instanceCount(): number {
    return this.#instances.size;
  }

  /** Bytes of memory of its instances, each as it was after its last call. */
  get memoryBytes(): number {
    let sum = 0;
    for (const { memoryBytes } of this.#instances) sum += memoryBytes;
    return sum;
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

  #settleQueue(outcome: CallOutcome): void {
    for (const call of this.#queue.splice(0)) call.settle(outcome);
  }

  /** Its input no longer counts. */
  #release(call: QueuedCall): void {
    this.#bytes -= call.bytes;
    call.bytes = 0;
  }

  #tellDrained(): void {
    for (const resolve of this.#drained) resolve();
    this.#drained.clear();
  }

  /** The instance with the fewest calls among those with room; a busy one while its calls are very short. */
  #freest(): Instance | null {
    let best: Instance | null = null;
    for (const instance of this.#instances) {
      if (instance.room <= 0 || (!instance.computing && !this.#slots.free)) continue;
      if (instance.busy > 0 && instance.averageMs < MAIN_THREAD_MS) return instance;
      if (!best || instance.busy < best.busy) best = instance;
    }
    return best;
  }

  #assign(instance: Instance, queued: QueuedCall): void {
    queued.instance = instance;
    this.options.onWaited?.(performance.now() - queued.queuedAt);
    instance.send(queued);
  }

  /** Instances that are there or on their way. */
  get #count(): number {
    return this.#instances.size + this.#starts.size;
  }

  #scaleUp(): void {
    const { maxInstances, runtime } = this.options;
    if (this.#closed) return;
    if (this.#count >= maxInstances || !this.#slots.free) return;
    if (this.#count === 0) {
      // There is no instance and none can be started for now, so waiting callers must hear why.
      if (this.#failure && this.#backoff.left > 0) this.#settleQueue(this.#failure);
      else this.#startMore();
      return;
    }
    const oldest = this.#queue[0];
    if (!oldest || this.#scaleTimer) return;
    const wait = Math.max(this.#backoff.left, oldest.queuedAt + runtime.scaleUpAfterMs - performance.now());
    this.#scaleTimer = setTimeout(() => {
      this.#scaleTimer = null;
      const first = this.#queue[0];
      if (!first || this.#closed) return;
      const waited = performance.now() - first.queuedAt >= runtime.scaleUpAfterMs;
      if (waited && this.#backoff.left === 0 && this.#count < maxInstances && this.#slots.free) this.#startMore();
      else this.#scaleUp();
    }, wait);
  }

  #startMore(): void {
    this.#startInstance().then(
      () => {
        this.#backoff.succeeded();
        this.#failure = null;
        this.#pump();
      },
      (error) => {
        if (this.#closed) return;
        this.#failure =
          error instanceof LoadFailure
            ? error.outcome
            : { kind: "trap", message: `no worker could be started: ${String(error)}`, memoryBytes: 0 };
        this.options.onStartFailed(error, this.#backoff.failed());
        this.#pump();
      },
    );
  }

  #startInstance(): Promise<string> {
    const start = new AbortController();
    this.#slots.take();
    const starting = this.#load(start.signal).finally(() => {
      this.#starts.delete(starting);
      // The starter pumps when it knows how the start ended.
      this.#slots.release(false);
    });
    this.#starts.set(starting, start);
    return starting;
  }

  async #load(signal: AbortSignal): Promise<string> {
    const { spares, runtime } = this.options;
    const worker = await spares.take(runtime.startTimeoutMs);
    const holder: { instance: Instance | null } = { instance: null };
    const { instance, info } = await Instance.load(
      worker,
      { ...this.options, slots: this.#slots },
      {
        ready: () => this.#pump(),
        returned: (calls) => this.#requeue(calls),
        gone: (unstarted) => {
          this.options.onRestart?.();
          if (holder.instance) this.#instances.delete(holder.instance);
          this.#requeue(unstarted);
        },
      },
      runtime.startTimeoutMs,
      signal,
    );
    if (this.#closed) {
      await instance.terminate(STOPPED);
      throw new LoadFailure("start", STOPPED);
    }
    holder.instance = instance;
    this.#instances.add(instance);
    return info;
  }

  /** Puts calls that never began back at the front of the queue, in their order. */
  #requeue(calls: readonly InstanceCall[]): void {
    const waiting: QueuedCall[] = [];
    for (const call of calls) {
      if (!isQueued(call) || call.abandoned) call.settle(STOPPED);
      else waiting.push(call);
    }
    for (const call of waiting) call.instance = null;
    if (this.#closed) {
      for (const call of waiting) call.settle(STOPPED);
      return;
    }
    this.#queue.unshift(...waiting);
    this.#pump();
    // A replacement is wanted even when nobody waits, so that the next call finds one.
    if (!this.#draining && this.#count === 0 && this.#backoff.left === 0) this.#startMore();
  }

  #abandon(call: QueuedCall): void {
    call.abandoned = true;
    const index = this.#queue.indexOf(call);
    if (index < 0) {
      call.instance?.interrupt(call.sequence);
      return;
    }
    this.#queue.splice(index, 1);
    this.#release(call);
    if (this.#idle) this.#tellDrained();
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

function isQueued(call: InstanceCall): call is QueuedCall {
  return "queuedAt" in call;
}
