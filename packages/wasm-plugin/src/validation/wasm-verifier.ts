import { LIMITS } from "@aspen/plugin-api";
import { WasmProblem } from "@aspen/plugin-api/wasm";
import type { VerdictStore } from "@aspen/plugin-host";
import { wasmErrors } from "../errors.js";
import { type ProbeLimits, ProbeUnavailable, probe } from "./probe/compile-probe.js";
import { verdictKey } from "./verdict-key.js";

/** Probes at once; each takes a core, and up to its limit of memory. */
const PROBES = 2;
/** Milliseconds until a refused file may be tried again: the machine may have been at fault. */
const REFUSED_MS = 600_000;
/** Verdicts that are kept in memory. */
const KEPT = 1000;

/** Finds out whether a wasm file can be compiled without harm, once for each file and version of Node. */
export class WasmVerifier implements AsyncDisposable {
  readonly #passed = new Set<string>();
  readonly #refused = new Map<string, { problem: string; until: number }>();
  readonly #underWay = new Map<string, Promise<string | null>>();
  readonly #keys = new WeakMap<Uint8Array, string>();
  readonly #closing = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(private readonly limits: ProbeLimits) {}

  /**
   * @param verdicts what other nodes, and this one before, have found out
   * @throws AspenError `PAYLOAD_TOO_LARGE`, `WASM_INVALID`, or `PLUGIN_UNAVAILABLE` when it cannot be found out
   */
  async verify(plugin: string, wasm: Uint8Array, verdicts?: VerdictStore): Promise<void> {
    if (wasm.length > LIMITS.wasmBytes) throw wasmErrors.tooLarge(plugin, wasm.length);
    let problem: string | null;
    try {
      const key = this.#keys.get(wasm) ?? verdictKey(wasm);
      this.#keys.set(wasm, key);
      problem = await this.#verdict(key, wasm, verdicts);
    } catch (error) {
      if (error instanceof WasmProblem) throw wasmErrors.invalid(plugin, error.message);
      if (error instanceof ProbeUnavailable) throw wasmErrors.unverified(plugin, error);
      if (this.#closing.signal.aborted) throw wasmErrors.unavailable(plugin, "the runtime is disposed");
      throw error;
    }
    if (problem !== null) throw wasmErrors.invalid(plugin, problem);
  }

  async #verdict(key: string, wasm: Uint8Array, verdicts: VerdictStore | undefined): Promise<string | null> {
    if (this.#passed.has(key)) return null;
    const refused = this.#refused.get(key);
    if (refused && performance.now() < refused.until) return refused.problem;
    if (await verdicts?.has(key)) {
      this.#pass(key);
      return null;
    }
    const found = this.#underWay.get(key) ?? this.#find(key, wasm);
    const problem = await found;
    if (problem === null) await verdicts?.add(key);
    return problem;
  }

  /** One probe for all who ask for the same. */
  #find(key: string, wasm: Uint8Array): Promise<string | null> {
    const found = this.#inTurn(() => probe(wasm, this.limits, this.#closing.signal))
      .then((problem) => {
        if (problem === null) this.#pass(key);
        else this.#refuse(key, problem);
        return problem;
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, found);
    return found;
  }

  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#running >= PROBES) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      this.#closing.signal.throwIfAborted();
      return await run();
    } finally {
      // The turn goes to the next in line, if there is one.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  #pass(key: string): void {
    this.#refused.delete(key);
    this.#passed.add(key);
    dropOldest(this.#passed);
  }

  #refuse(key: string, problem: string): void {
    this.#refused.delete(key);
    this.#refused.set(key, { problem, until: performance.now() + REFUSED_MS });
    dropOldest(this.#refused);
  }

  /** Ends every probe. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the runtime is disposed"));
    await Promise.allSettled(this.#underWay.values());
  }
}

function dropOldest(kept: Set<string> | Map<string, unknown>): void {
  const [oldest] = kept.keys();
  if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
}
