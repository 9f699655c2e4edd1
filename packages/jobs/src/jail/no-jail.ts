import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { PermanentFailure } from "../errors.js";
import type { Jail, JailCommand, JailExit, JailedProcess, JobSandbox } from "./contract.js";
import { JAIL_PATH } from "./programs.js";
import { makeWorkFolder, removeTree } from "./work-folder.js";

/** Milliseconds that the output of a job has to end when its process group has. */
const OUTPUT_MS = 1000;

/** No isolation: programs run as the user of this process. What leaves its process group is not ended with it. */
export class NoJail implements Jail {
  readonly kind = "none";
  readonly limitedBy = "none";
  readonly withoutCgroups = "the configuration says that there is no jail";
  #sandboxes = 0;

  private constructor(private readonly workFolder: string) {}

  static async open(workFolder: string | undefined): Promise<NoJail> {
    return new NoJail(await makeWorkFolder(workFolder));
  }

  async sandbox(jobId: string): Promise<JobSandbox> {
    this.#sandboxes += 1;
    const folder = join(this.workFolder, `${jobId}-${this.#sandboxes}`);
    await mkdir(folder, { mode: 0o700 });
    return {
      folder,
      owner: null,
      start: async (command) => new GroupProcess(start(folder, command)),
      full: async () => false,
      [Symbol.asyncDispose]: () => removeTree(folder),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.workFolder);
  }
}

function start(folder: string, { command, args, env, cwd }: JailCommand): ChildProcess {
  const base = { PATH: process.env.PATH ?? JAIL_PATH, HOME: folder, LANG: "C.UTF-8", SHLVL: "1" };
  return spawn(command, args, { cwd: join(folder, cwd), env: { ...base, ...env }, stdio: "pipe", detached: true });
}

/** A program and its process group. */
class GroupProcess implements JailedProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<JailExit>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.stdin = child.stdin!;
    this.stdout = child.stdout!;
    this.stderr = child.stderr!;
    this.stdin.on("error", () => undefined);
    this.ended = this.#end();
    this.ended.catch(() => undefined);
  }

  terminate(): void {
    this.#signal("SIGTERM");
  }

  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.ended.catch(() => undefined);
  }

  async #end(): Promise<JailExit> {
    const closed = once(this.#child, "close");
    closed.catch(() => undefined);
    let code: number | null;
    let name: NodeJS.Signals | null;
    try {
      [code, name] = (await once(this.#child, "exit")) as [number | null, NodeJS.Signals | null];
    } catch (error) {
      throw new PermanentFailure(`the program cannot be started: ${(error as Error).message}`, "JOB_FAILED", error);
    }
    this.#signal("SIGKILL");
    // What left the group may keep the pipes open.
    const late = setTimeout(() => {
      this.stdout.destroy();
      this.stderr.destroy();
    }, OUTPUT_MS);
    await closed;
    clearTimeout(late);
    return { exitCode: code ?? 128 + constants.signals[name!], outOfMemory: false };
  }

  /** To the whole group, which has the pid of its first process for as long as it has any. */
  #signal(name: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
