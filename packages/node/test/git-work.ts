import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "advice.detachedHead=false"];

export interface GitRun {
  input?: string | Uint8Array;
  /** Beside the one in which git asks nobody and reads no configuration. */
  environment?: Record<string, string>;
}

/** A folder in which the system's git works. */
export class Work {
  #files = 0;

  private constructor(readonly path: string) {}

  static async open(): Promise<Work> {
    return new Work(await mkdtemp(join(tmpdir(), "aspen-git-work-")));
  }

  /** What it writes to its output, without the line's end. @throws Error with its messages when it fails */
  git(...args: string[]): Promise<string>;
  git(options: GitRun, ...args: string[]): Promise<string>;
  async git(first: string | GitRun, ...rest: string[]): Promise<string> {
    const [options, args] = typeof first === "string" ? [{}, [first, ...rest]] : [first, rest];
    const { code, stdout, stderr } = await this.run(options, args);
    if (code !== 0) throw new Error(`git ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout.trim();
  }

  /** What it tells the person when it fails. @throws Error when it does not */
  async fails(first: string | GitRun, ...rest: string[]): Promise<string> {
    const [options, args] = typeof first === "string" ? [{}, [first, ...rest]] : [first, rest];
    const { code, stderr } = await this.run(options, args);
    if (code === 0) throw new Error(`git ${args.join(" ")} did not fail: ${stderr}`);
    return stderr;
  }

  async run({ input, environment = {} }: GitRun, args: readonly string[]) {
    const env = {
      ...{ PATH: process.env.PATH, HOME: this.path, LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" },
      ...environment,
    };
    const child = spawn("git", [...IDENTITY, ...args], { cwd: this.path, env });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stdout, stderr };
  }

  /** Adds commits to the branch that is checked out in `folder`, each with a file of its own. */
  async commits(folder: string, count: number, text = "text"): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      this.#files += 1;
      await writeFile(join(this.path, folder, `file-${this.#files}`), `${text} ${this.#files}\n`.repeat(20));
      await this.git("-C", folder, "add", ".");
      await this.git("-C", folder, "commit", "-q", "-m", `${text} ${this.#files}`);
    }
  }

  /** What a command of git writes, as bytes; `HEAD` of the folder is its input. */
  async raw(folder: string, ...args: string[]): Promise<Buffer> {
    const child = spawn("git", args, {
      cwd: join(this.path, folder),
      env: { PATH: process.env.PATH, HOME: this.path },
    });
    child.stdin.end("HEAD\n");
    const chunks: Buffer[] = [];
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** A file that does not compress. */
  async random(folder: string, file: string, bytes: number): Promise<void> {
    await writeFile(join(this.path, folder, file), randomBytes(bytes));
  }

  read(folder: string, file: string): Promise<string> {
    return readFile(join(this.path, folder, file), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
