import { readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

/** Milliseconds by which a thread's computing may exceed its sleep before it gives way to others. */
const QUANTUM_MS = 50;
/** Steps by which niceness is raised: beside a thread at 0, a thread at 10 gets about a tenth of the processor time. */
const STEPS = 10;
const NICEST = 19;
/** Milliseconds between looks at the time that a thread has computed. */
const LOOK_MS = 20;

interface Times {
  computedMs: number;
  /** Waited for a core. */
  queuedMs: number;
}

/** Makes a thread that computes for long give way to others, until it has slept long enough. */
export class ThreadPriority {
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** The times at the last look; null before the first. */
  #before: Times | null = null;
  #excessMs = 0;
  #normal = 0;
  #low = false;
  /** The system does not let the priority be raised again: that takes privileges, or RLIMIT_NICE. */
  #stuck = false;

  constructor(private readonly thread: number | null) {}

  /** To be called now and then while the thread may compute. */
  look(): void {
    const now = performance.now();
    const elapsed = now - this.#lookedAt;
    if (this.thread === null || elapsed < LOOK_MS) return;
    const times = this.#readTimes();
    if (times === null) return;
    const before = this.#before ?? times;
    const computed = times.computedMs - before.computedMs;
    // A thread that waits for a core on a busy machine does not sleep.
    const slept = Math.max(0, elapsed - computed - (times.queuedMs - before.queuedMs));
    this.#excessMs = Math.max(0, this.#excessMs + computed - slept);
    this.#before = times;
    this.#lookedAt = now;
    if (!this.#low && this.#excessMs > QUANTUM_MS) this.#low = this.#lower();
    else if (this.#low && !this.#stuck && this.#excessMs === 0) this.#restore();
  }

  #lower(): boolean {
    this.#normal = getPriority();
    return this.#set(Math.min(NICEST, this.#normal + STEPS));
  }

  #restore(): void {
    this.#low = !this.#set(this.#normal);
    this.#stuck = this.#low;
  }

  #set(niceness: number): boolean {
    try {
      setPriority(this.thread!, niceness);
      return true;
    } catch {
      // EACCES: not allowed; ESRCH: it has just ended. Either way it stays as it is.
      return false;
    }
  }

  /** Null when the thread has ended, or the kernel does not tell. */
  #readTimes(): Times | null {
    try {
      const [computed, queued] = readFileSync(`/proc/self/task/${this.thread}/schedstat`, "latin1").split(" ");
      return { computedMs: Number(computed) / 1e6, queuedMs: Number(queued) / 1e6 };
    } catch {
      return null;
    }
  }
}
