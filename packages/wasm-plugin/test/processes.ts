import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The processes in which `parent` tries out code, by /proc. */
export function probesOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent && read(`/proc/${pid}/cmdline`).includes("probe.js"));
}

export function environmentOf(pid: number): string {
  return read(`/proc/${pid}/environ`);
}

function parentOf(pid: number): number | null {
  // The name of the program, in brackets, may hold anything.
  const [, parent] = /\) \S (\d+)/.exec(read(`/proc/${pid}/stat`)) ?? [];
  return parent === undefined ? null : Number(parent);
}

/** Empty when the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** A script of `test/processes` that runs until the test ends. */
export class ProcessUnderTest implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(script: string, args: readonly string[]) {
    const file = fileURLToPath(new URL(`./processes/${script}`, import.meta.url));
    this.#child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "inherit", "inherit"] });
    this.#exited = new Promise((resolve) => this.#child.once("exit", () => resolve()));
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the process was not started");
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#exited;
  }
}
