import type { PluginHostContext } from "@aspen/plugin-host";
import type { LoadedModule } from "../module-loader.js";
import { createSlotBuffer, MainSlot, sharedNow } from "./channel.js";
import {
  type CallMessage,
  type CallOutcome,
  type CallResult,
  type FromWorker,
  isLarge,
  type LoadMessage,
  outcomeOf,
  peekResult,
  pushCall,
} from "./messages.js";
import { createRingBuffer, Ring } from "./ring.js";
import type { WorkerThread } from "./worker-thread.js";

/** A call that an instance has taken. */
export interface InstanceCall extends CallMessage {
  settle(outcome: CallOutcome): void;
}

export interface InstanceOptions {
  plugin: string;
  loaded: LoadedModule;
  host: PluginHostContext;
  memoryBytes: number;
  timeoutMs: number;
  graceMs: number;
  isolation: "instance" | "call";
}

export interface InstanceEvents {
  /** There is room for more calls. */
  ready(): void;
  /** The worker is gone; `unstarted` calls never began and may go elsewhere. */
  gone(unstarted: InstanceCall[]): void;
}

/** Milliseconds of work that may be sent ahead to a worker. */
const WINDOW_MS = 2;
const WINDOW_MAX = 64;

/** Milliseconds between looks for results while calls are under way. */
const LOOK_MS = 3;

/** Room for calls and for results that are under way; larger ones go by message. */
const RING_BYTES = 256 * 1024;

/** One plugin instance in one worker thread, seen from the main thread. */
export class Instance {
  readonly #slot: MainSlot;
  readonly #calls: Ring;
  readonly #results: Ring;
  /** In the order in which the worker runs them. */
  readonly #inFlight = new Map<number, InstanceCall>();
  readonly #events: InstanceEvents;
  /** Calls for which the ring had no room. */
  #waiting: InstanceCall[] = [];
  /** The last call whose input went by message. */
  #posted: InstanceCall | null = null;
  #watchdog: NodeJS.Timeout | null = null;
  #look: NodeJS.Timeout | null = null;
  #averageMs = WINDOW_MS;
  #gone = false;
  /** A call has ended after which the worker starts a fresh instance. */
  #restarts = false;
  lastUsed = performance.now();

  private constructor(
    private readonly worker: WorkerThread,
    private readonly options: InstanceOptions,
    memory: Pick<LoadMessage, "slot" | "calls" | "results">,
    events: InstanceEvents,
  ) {
    this.#slot = new MainSlot(memory.slot);
    this.#calls = new Ring(memory.calls);
    this.#results = new Ring(memory.results);
    this.#events = events;
  }

  /**
   * Loads the plugin into a booted worker; resolves with what its `plugin_info` says.
   * @throws LoadFailure how the guest failed, or that it took too long
   */
  static async load(
    worker: WorkerThread,
    options: InstanceOptions,
    events: InstanceEvents,
    startTimeoutMs: number,
    signal: AbortSignal,
  ): Promise<{ instance: Instance; info: string }> {
    const memory = {
      slot: createSlotBuffer(),
      calls: createRingBuffer(RING_BYTES),
      results: createRingBuffer(RING_BYTES),
    };
    const instance = new Instance(worker, options, memory, events);
    instance.#serveHostCalls();
    const message: LoadMessage = {
      type: "load",
      plugin: options.plugin,
      module: options.loaded.module,
      ...memory,
      grant: options.host.grant,
      config: options.host.config,
      memoryBytes: options.memoryBytes,
      timeoutMs: options.timeoutMs,
      isolation: options.isolation,
    };
    let timer: NodeJS.Timeout | undefined;
    let watch: NodeJS.Timeout | undefined;
    try {
      const info = await new Promise<string>((resolve, reject) => {
        const late = () => reject(new LoadFailure("start", { kind: "interrupted" }));
        // plugin_info and plugin_init may each use the plugin's own limit, and no more.
        const limit = options.timeoutMs + options.graceMs;
        timer = setTimeout(late, startTimeoutMs + 2 * limit);
        const slot = instance.#slot;
        const isOver = () => slot.running < 0 && sharedNow() - slot.startedAt > limit;
        watch = setInterval(() => isOver() && late(), Math.max(20, limit / 4));
        const stopped: CallOutcome = { kind: "trap", message: "the plugin was stopped", memoryBytes: 0 };
        signal.addEventListener("abort", () => reject(new LoadFailure("start", stopped)), { once: true });
        if (signal.aborted) reject(new LoadFailure("start", stopped));
        worker.attach({
          message: (reply) => {
            if (reply.type === "loaded") resolve(reply.info);
            else if (reply.type === "load-failed") reject(new LoadFailure(reply.phase, reply.outcome));
            else instance.#onMessage(reply);
          },
          died: (reason) => {
            reject(
              new LoadFailure("start", {
                kind: "trap",
                message: reason,
                memoryBytes: isHeapLimit(reason) ? Number.POSITIVE_INFINITY : 0,
              }),
            );
          },
        });
        worker.post(message);
      });
      worker.attach({ message: (reply) => instance.#onMessage(reply), died: (reason) => instance.#onDeath(reason) });
      if (worker.ended) throw new LoadFailure("start", { kind: "trap", message: "its worker ended", memoryBytes: 0 });
      return { instance, info };
    } catch (error) {
      instance.#gone = true;
      instance.#slot.close();
      await worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
    }
  }

  get busy(): number {
    return this.#inFlight.size;
  }

  /** Calls that it takes beyond those it has: more ahead while they are short, one at a time otherwise. */
  get room(): number {
    if (this.#gone) return 0;
    const ahead = Math.floor(WINDOW_MS / Math.max(this.#averageMs, 0.001));
    return Math.min(WINDOW_MAX, Math.max(1, ahead)) - this.#inFlight.size;
  }

  send(call: InstanceCall): void {
    this.lastUsed = performance.now();
    this.#inFlight.set(call.sequence, call);
    this.#waiting.push(call);
    this.#flush();
    this.#watchdog ??= this.#watch(this.options.timeoutMs + this.options.graceMs);
    this.#look ??= this.#lookAgain();
  }

  /**
   * Looks for results of which no message tells: the worker may have gone on to a long call without one.
   */
  #lookAgain(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#look = null;
      if (this.#gone || this.#inFlight.size === 0) return;
      this.#takeResults();
      if (!this.#gone && this.#inFlight.size > 0) this.#look ??= this.#lookAgain();
    }, LOOK_MS);
  }

  /** Stops a call that its caller gave up. */
  interrupt(sequence: number): void {
    this.#slot.interrupt(sequence);
  }

  /** Ends the worker; calls under way are told so. */
  async terminate(outcome: CallOutcome): Promise<void> {
    const calls = [...this.#inFlight.values()];
    await this.#end();
    for (const call of calls) call.settle(outcome);
  }

  #flush(): void {
    while (this.#waiting.length > 0 && !this.#gone) {
      const call = this.#waiting[0]!;
      const { sequence, name, input } = call;
      if (isLarge(input) && this.#posted !== call) {
        // Before its record, so that the worker finds it there.
        this.worker.post({ type: "call", call: { sequence, name, input } });
        this.#posted = call;
      }
      if (!pushCall(this.#calls, call)) return;
      this.#waiting.shift();
      if (this.#calls.lower()) this.worker.post({ type: "wake" });
    }
  }

  #onMessage(message: FromWorker): void {
    if (message.type === "results") this.#takeResults();
    else if (message.type === "result") {
      this.#settle(message.result);
      this.#afterResults();
    } else if (message.type === "log") void this.options.host.invoke("log_write", [message.record]);
    else if (message.type === "denied") this.options.host.reportDenied(message);
  }

  /** Settles the calls whose results are in the ring. */
  #takeResults(): void {
    if (this.#gone) return;
    // First lowered, then looked at: a result that comes in between sends a message of its own.
    this.#results.lower();
    try {
      for (let result = peekResult(this.#results); result; result = peekResult(this.#results)) {
        this.#settle(result);
        this.#results.release();
      }
    } catch (error) {
      void this.#kill({
        kind: "trap",
        message: error instanceof Error ? error.message : String(error),
        memoryBytes: 0,
      });
      return;
    }
    this.#afterResults();
  }

  #settle(result: CallResult): void {
    const call = this.#inFlight.get(result.sequence);
    if (!call) return;
    this.#inFlight.delete(result.sequence);
    if (result.kind !== "output" || this.options.isolation === "call") this.#restarts = true;
    this.#averageMs += (result.elapsedMs - this.#averageMs) * 0.2;
    call.settle(outcomeOf(result));
  }

  #afterResults(): void {
    this.lastUsed = performance.now();
    if (this.#inFlight.size === 0) {
      this.#stopWatchdog();
      // The worker may be starting a fresh instance, which has a limit too.
      if (this.#restarts) this.#watchdog = this.#watch(this.options.timeoutMs + this.options.graceMs);
      this.#restarts = false;
    }
    this.#flush();
    this.#events.ready();
  }

  #watch(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      // Timers come before messages: a large result that is here already must not be lost with its worker.
      setImmediate(() => this.#checkTime());
    }, delayMs);
  }

  #checkTime(): void {
    this.#stopWatchdog();
    if (this.#gone) return;
    this.#takeResults();
    const limit = this.options.timeoutMs + this.options.graceMs;
    // A negative number is the start of an instance; it has the same limit.
    const running = this.#slot.running;
    if (this.#gone || (this.#inFlight.size === 0 && running >= 0)) return;
    const left = running === 0 ? limit : limit - (sharedNow() - this.#slot.startedAt);
    if (left > 0) this.#watchdog = this.#watch(Math.max(1, left));
    else void this.#kill({ kind: "interrupted" });
  }

  #stopWatchdog(): void {
    if (this.#watchdog) clearTimeout(this.#watchdog);
    this.#watchdog = null;
  }

  #onDeath(reason: string): void {
    this.#takeResults();
    void this.#kill({
      kind: "trap",
      message: `its worker ended: ${reason}`,
      memoryBytes: isHeapLimit(reason) ? Number.POSITIVE_INFINITY : 0,
    });
  }

  /** Answers the running call with `outcome`, hands back those that never began, ends the worker. */
  async #kill(outcome: CallOutcome): Promise<void> {
    if (this.#gone) return;
    const running = this.#slot.running;
    const calls = [...this.#inFlight.values()];
    // In the start of an instance no call has begun.
    const index = running < 0 ? -1 : running > 0 ? calls.findIndex(({ sequence }) => sequence === running) : 0;
    const ended = this.#end();
    for (const [at, call] of calls.entries()) {
      if (at === index) call.settle(outcome);
      else if (at < index)
        call.settle({ kind: "trap", message: "its answer was lost with its worker", memoryBytes: 0 });
    }
    this.#events.gone(calls.slice(index + 1));
    await ended;
  }

  async #end(): Promise<void> {
    this.#gone = true;
    this.#stopWatchdog();
    if (this.#look) clearTimeout(this.#look);
    this.#inFlight.clear();
    this.#slot.close();
    await this.worker.terminate();
  }

  #serveHostCalls(): void {
    const { host } = this.options;
    this.#slot
      .serve(
        (name, args) => host.invoke(name, args),
        (problem) => this.#onDeath(problem),
      )
      .catch((error) => this.#onDeath(String(error)));
  }
}

/** How loading a plugin into a worker failed. */
export class LoadFailure extends Error {
  constructor(
    readonly phase: "start" | "instantiate" | "plugin_info" | "plugin_init",
    readonly outcome: CallOutcome,
  ) {
    super(`the plugin failed in ${phase}`);
  }
}

function isHeapLimit(reason: string): boolean {
  return /out of memory|heap|memory limit/i.test(reason);
}
