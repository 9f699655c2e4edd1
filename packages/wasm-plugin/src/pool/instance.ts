import { setMaxListeners } from "node:events";
import { systemClock } from "@aspen/feature";
import type { PluginCall } from "@aspen/plugin-host";
import { createSlotBuffer, MainSlot, sharedNow } from "../protocol/channel.js";
import {
  type CallOutcome,
  type CallResult,
  type FromWorker,
  type LoadMessage,
  outcomeOf,
  peekResult,
} from "../protocol/messages.js";
import { shortId } from "../protocol/request-id.js";
import { createRingBuffer, Ring } from "../protocol/ring.js";
import { ComputeTurn } from "./compute-turn.js";
import type { InstanceEvents, InstanceOptions } from "./instance-options.js";
import { loaded } from "./loading.js";
import { type InstanceCall, SentCalls } from "./sent-calls.js";
import { isHeapLimit, type WorkerThread } from "./worker-thread.js";

/** Milliseconds of work that may be sent ahead to a worker. Nothing waits behind a call that runs longer. */
const WINDOW_MS = 2;
const WINDOW_MAX = 64;

/** Milliseconds that a call has to stop by itself after it was given up. */
const ABANDONED_MS = 250;

/** Milliseconds between looks for results while calls are under way. */
const LOOK_MS = 3;

/** Room for calls and for results that are under way; larger ones go by message. */
const RING_BYTES = 256 * 1024;

/** One plugin instance in one worker thread, seen from the main thread. */
export class Instance {
  readonly #slot: MainSlot;
  readonly #calls: SentCalls;
  readonly #results: Ring;
  readonly #events: InstanceEvents;
  #watchdog: NodeJS.Timeout | null = null;
  #look: NodeJS.Timeout | null = null;
  #gone = false;
  /** Aborts when its worker is ended. */
  readonly #over = new AbortController();
  /** Calls that were given up and have not ended. */
  readonly #abandoned = new Set<number>();
  /** Ends the wait for the plugin to be loaded. */
  #loading: AbortController | null = new AbortController();
  /** A call has ended after which the worker starts a fresh instance. */
  #restarts = false;
  /** When the slow call began, on the clock of {@link sharedNow}; null when no call is slow. */
  #stalledSince: number | null = null;
  readonly #turn: ComputeTurn;
  /** Average time of a call in the worker, in milliseconds; the latest calls count most. */
  averageMs = WINDOW_MS;
  /** Of the guest, after its last call. */
  memoryBytes = 0;
  lastUsed = performance.now();

  private constructor(
    private readonly worker: WorkerThread,
    private readonly options: InstanceOptions,
    memory: Pick<LoadMessage, "slot" | "calls" | "results">,
    events: InstanceEvents,
  ) {
    setMaxListeners(0, this.#over.signal);
    this.#slot = new MainSlot(memory.slot);
    this.#calls = new SentCalls(new Ring(memory.calls), (message) => worker.post(message));
    this.#results = new Ring(memory.results);
    this.#events = events;
    this.#turn = new ComputeTurn(options.slots, options.maxInstances);
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
      data: options.loaded.data,
      ...memory,
      grant: options.host.grant,
      config: options.host.config,
      systemClock: options.host.clock === systemClock,
      memoryBytes: options.memoryBytes,
      timeoutMs: options.timeoutMs,
      isolation: options.isolation,
      entry: options.entry ?? null,
    };
    try {
      const info = await loaded({
        worker,
        message,
        slot: instance.#slot,
        startTimeoutMs,
        limitMs: options.timeoutMs + options.graceMs,
        signal: AbortSignal.any([signal, instance.#loading!.signal]),
        onMessage: (reply) => instance.#onMessage(reply),
      });
      instance.#loading = null;
      worker.attach({ message: (reply) => instance.#onMessage(reply), died: (reason) => instance.#onDeath(reason) });
      return { instance, info };
    } catch (error) {
      instance.#gone = true;
      instance.#slot.close();
      await worker.terminate();
      throw error;
    }
  }

  /** True while it holds a slot, and takes calls without asking for one. */
  get computing(): boolean {
    return this.#turn.held;
  }

  get busy(): number {
    return this.#calls.size;
  }

  /** How many more calls it takes: several ahead while calls are short, otherwise one at a time. */
  get room(): number {
    if (this.#gone || this.#stalledSince !== null) return 0;
    const ahead = Math.floor(WINDOW_MS / Math.max(this.averageMs, 0.001));
    return Math.min(WINDOW_MAX, Math.max(1, ahead)) - this.#calls.size;
  }

  /**
   * Takes a call and gives it its `sequence`. The instance computes from now on, in the slot that was taken for the
   * call or in one more.
   */
  send(call: InstanceCall, slotTaken = false): void {
    this.lastUsed = performance.now();
    this.#turn.take(slotTaken);
    this.#calls.add(call);
    this.#watchdog ??= this.#watch(this.options.timeoutMs + this.options.graceMs);
    this.#look ??= this.#lookAgain();
  }

  /**
   * Looks for results without a message: the worker may have begun a long call before it sent the message. It also looks
   * for calls that wait behind a long call.
   */
  #lookAgain(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#look = null;
      if (this.#gone) return;
      if (this.#calls.size > 0) this.#takeResults();
      if (!this.#gone) this.#lookForStall();
      if (!this.#gone) this.#lookForRest();
      const goesOn = this.#calls.size > 0 || this.#turn.held || this.#stalledSince !== null;
      if (!this.#gone && goesOn) this.#look ??= this.#lookAgain();
    }, LOOK_MS);
  }

  /** Gives its slot back when nothing runs. A negative number is the start of an instance, which computes too. */
  #lookForRest(): void {
    this.worker.priority.look();
    if (this.#calls.size === 0 && this.#slot.running === 0) this.#turn.rest();
  }

  /** Takes calls back that wait behind a slow one, so that another instance can have them. */
  #lookForStall(): void {
    if (this.options.maxInstances === 1) return;
    const { running, startedAt } = this.#slot;
    const wasStalled = this.#stalledSince !== null;
    this.#stalledSince = running !== 0 && sharedNow() - startedAt > WINDOW_MS ? startedAt : null;
    if (this.#stalledSince === null) {
      if (wasStalled) this.#events.ready();
      return;
    }
    const behind = this.#calls.size - (running > 0 ? 1 : 0);
    if (behind === 0 || this.#calls.pinned || !this.#calls.hold()) return;
    const calls = this.#calls.takeBack();
    this.#calls.letGo();
    if (calls.length > 0) this.#events.returned(calls);
  }

  /** Stops a call that its caller gave up: by its next poll, or with its worker when it does not poll. */
  interrupt(sequence: number): void {
    this.#slot.interrupt(sequence);
    this.#abandoned.add(sequence);
    setTimeout(() => {
      // Timers come before messages: a result that is here already ends the call.
      setImmediate(() => this.#endAbandoned(sequence));
    }, ABANDONED_MS).unref();
  }

  /** Ends the worker when it still runs a call that was given up; one that waits for its turn does not begin. */
  #endAbandoned(sequence: number): void {
    if (this.#gone || !this.#abandoned.has(sequence)) return;
    if (!this.#calls.hold()) {
      this.interrupt(sequence);
      return;
    }
    if (!this.#readResults()) return;
    if (this.#abandoned.delete(sequence) && this.#slot.running === sequence) {
      void this.#kill({ kind: "interrupted" });
      return;
    }
    this.#calls.letGo();
    this.#afterResults();
  }

  /** Ends the worker; calls under way are told so. */
  async terminate(outcome: CallOutcome): Promise<void> {
    const ended = this.#end();
    for (const call of this.#calls.clear()) call.settle(outcome);
    this.#turn.rest();
    await ended;
  }

  #onMessage(message: FromWorker): void {
    if (message.type === "results") this.#takeResults();
    else if (message.type === "result") {
      this.#settle(message.result);
      this.#afterResults();
    } else if (message.type === "log") this.options.log.write(message.record, shortId(message.requestId));
    else if (message.type === "denied") this.options.host.reportDenied(message);
    else if (message.type === "host-calls") this.options.host.countLocal(message.counts);
  }

  /** Settles the calls whose results are in the ring and goes on with others. */
  #takeResults(): void {
    if (!this.#gone && this.#readResults()) this.#afterResults();
  }

  /** Settles the calls whose results are in the ring; false when it was malformed, which ends the instance. */
  #readResults(): boolean {
    // The flag is lowered before the ring is read: a result that comes in between sends a message of its own.
    this.#results.lower();
    try {
      for (let result = peekResult(this.#results); result; result = peekResult(this.#results)) {
        this.#settle(result);
        this.#results.release();
      }
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      void this.#kill({ kind: "trap", message, memoryBytes: 0 });
      return false;
    }
  }

  #settle(result: CallResult): void {
    this.#abandoned.delete(result.sequence);
    const call = this.#calls.end(result.sequence);
    if (!call) return;
    // A module that is no plugin starts within its call.
    const spent = result.kind !== "output" || this.options.isolation === "call";
    if (spent && !this.options.entry) this.#restarts = true;
    this.memoryBytes = result.memoryBytes;
    this.averageMs += (result.elapsedMs - this.averageMs) * 0.2;
    this.#stalledSince = null;
    call.settle(outcomeOf(result));
  }

  #afterResults(): void {
    this.lastUsed = performance.now();
    if (this.#calls.size === 0) {
      this.#stopWatchdog();
      // The worker may be starting a fresh instance, which has a limit too.
      if (this.#restarts) this.#watchdog = this.#watch(this.options.timeoutMs + this.options.graceMs);
      this.#restarts = false;
    }
    this.#calls.flush();
    if (this.#calls.size === 0 && this.#slot.running >= 0) this.#turn.rest();
    this.#events.ready();
  }

  #watch(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      // Timers come before messages: a large result that is here already must not be lost with its worker.
      setImmediate(() => this.#checkTime());
    }, delayMs);
  }

  /**
   * Ends the worker when its call is over the limit. The worker begins no call meanwhile, so exactly the call that is over
   * the limit gets the error.
   */
  #checkTime(): void {
    this.#stopWatchdog();
    if (this.#gone) return;
    if (!this.#calls.hold()) {
      this.#watchdog = this.#watch(1);
      return;
    }
    if (!this.#readResults()) return;
    const limit = this.options.timeoutMs + this.options.graceMs;
    // A negative number is the start of an instance; it has the same limit.
    const { running, startedAt } = this.#slot;
    const left = running === 0 ? limit : limit - (sharedNow() - startedAt);
    if (left <= 0) {
      void this.#kill({ kind: "interrupted" });
      return;
    }
    this.#calls.letGo();
    this.#afterResults();
    if (this.#gone || (this.#calls.size === 0 && running >= 0)) return;
    this.#watchdog ??= this.#watch(Math.max(1, left));
  }

  #stopWatchdog(): void {
    if (this.#watchdog) clearTimeout(this.#watchdog);
    this.#watchdog = null;
  }

  #onDeath(reason: string): void {
    if (this.#loading) {
      this.#loading.abort(new Error(reason));
      return;
    }
    this.#takeResults();
    void this.#kill({
      kind: "trap",
      message: `its worker ended: ${reason}`,
      memoryBytes: isHeapLimit(reason) ? Number.POSITIVE_INFINITY : 0,
    });
  }

  /** Answers the running call with `outcome`, hands back the calls that never began, and ends the worker. */
  async #kill(outcome: CallOutcome): Promise<void> {
    if (this.#gone) return;
    // A worker that has died cannot be held, and need not be.
    this.#calls.hold();
    const unstarted = this.#calls.takeBack();
    const begun = this.#calls.clear();
    const ended = this.#end();
    const lost: CallOutcome = { kind: "trap", message: "its answer was lost with its worker", memoryBytes: 0 };
    for (const [at, call] of begun.entries()) call.settle(at === begun.length - 1 ? outcome : lost);
    this.#events.gone(unstarted);
    this.#turn.rest();
    await ended;
  }

  async #end(): Promise<void> {
    this.#gone = true;
    this.#over.abort();
    this.#stopWatchdog();
    if (this.#look) clearTimeout(this.#look);
    this.#slot.close();
    if (!(await this.worker.terminate())) this.options.onStuck();
  }

  /** What a host call comes from: the call that runs, as this thread sent it; nothing when the instance starts. */
  #origin(): PluginCall | undefined {
    const origin = this.#calls.originOf(this.#slot.running);
    if (!origin) return undefined;
    const { timeoutMs } = this.options;
    // The worker says when it began; it gets no more time by that than a call has.
    const left = Math.min(timeoutMs, Math.max(0, timeoutMs - (sharedNow() - this.#slot.startedAt)));
    const signals = [...(origin.signals ?? []), this.#over.signal];
    return { ...origin, signals, deadline: performance.now() + (Number.isNaN(left) ? 0 : left) };
  }

  #serveHostCalls(): void {
    const { host } = this.options;
    this.#slot
      .serve(
        async (name, args) => {
          const lent = this.#turn.lend();
          const result = await host.invoke(name, args, this.#origin());
          if (lent) await this.#turn.takeUpAgain(() => this.#gone);
          return result;
        },
        (problem) => this.#onDeath(problem),
      )
      .catch((error) => this.#onDeath(String(error)));
  }
}
