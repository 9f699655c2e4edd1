import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { cut } from "@aspen/plugin-api";
import { jobsErrors } from "../errors.js";
import type { JailExit, JailedProcess } from "./contract.js";

/** Milliseconds that bubblewrap has to say which process it started. */
const START_MS = 10_000;
/** Of what it says of itself, and of why it fails; bytes. */
const STATUS_BYTES = 16_384;
const COMPLAINT_BYTES = 2048;

/** Bubblewrap, and the processes in its namespaces, of which the first takes all others with it. */
export class BwrapProcess implements JailedProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<JailExit>;
  readonly #child: ChildProcess;
  readonly #started: Promise<void>;
  readonly #closed: Promise<unknown>;
  #status = "";
  #complaint = "";
  #over = false;

  /** @param after called when nothing runs any more: whether memory was used up */
  constructor(child: ChildProcess, after: () => Promise<boolean>) {
    this.#child = child;
    const [stdin, stdout, stderr, , status] = child.stdio as [Writable, Readable, Readable, Writable, Readable];
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    // A program need not read its input, nor live to do so.
    stdin.on("error", () => undefined);
    stderr.on("data", (chunk: Buffer) => {
      if (this.#complaint.length < COMPLAINT_BYTES) this.#complaint += chunk.toString("utf8");
    });
    this.#started = new Promise((resolve) => {
      status.on("data", (chunk: Buffer) => {
        if (this.#status.length < STATUS_BYTES) this.#status += chunk.toString("latin1");
        if (this.#init !== null) resolve();
      });
      status.on("close", resolve);
    });
    this.#closed = once(child, "close");
    child.on("exit", () => {
      this.#over = true;
    });
    this.ended = this.#end(after);
    // Whoever kills the process may not be the one who waits for its end.
    this.ended.catch(() => undefined);
  }

  terminate(): void {
    const init = this.#init;
    if (this.#over || init === null) return;
    for (const pid of childrenOf(init)) signal(pid, "SIGTERM");
  }

  async kill(): Promise<void> {
    await Promise.race([this.#started, delay(START_MS, undefined, { ref: false })]);
    // The first process of the namespace: when bubblewrap has seen its end, the kernel has ended all others before.
    if (!this.#over) {
      if (this.#init !== null) signal(this.#init, "SIGKILL");
      else this.#child.kill("SIGKILL");
    }
    await this.#closed;
    await this.ended.catch(() => undefined);
  }

  /** Its pid on this machine, which is not given to another before bubblewrap has ended. */
  get #init(): number | null {
    const pid = /"child-pid": (\d+)/.exec(this.#status)?.[1];
    return pid === undefined ? null : Number(pid);
  }

  async #end(after: () => Promise<boolean>): Promise<JailExit> {
    let spawned: unknown = null;
    try {
      await this.#closed;
    } catch (error) {
      spawned = error;
    }
    const outOfMemory = await after();
    const exitCode = /"exit-code": (\d+)/.exec(this.#status)?.[1];
    if (exitCode !== undefined) return { exitCode: Number(exitCode), outOfMemory };
    if (this.#init !== null) return { exitCode: 128 + 9, outOfMemory };
    throw jobsErrors.jailUnavailable(cut(this.#complaint.trim() || String(spawned ?? "it says nothing"), 512), spawned);
  }
}

/** Of the namespace's first process: the program itself, and those whose parents ended. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    // It ended just now.
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
