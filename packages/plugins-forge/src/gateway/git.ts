import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { decodeUtf8 } from "@aspen/plugin-api";
import { forgeErrors } from "../errors.js";
import type { NormalGatewayOptions } from "./options.js";

/** What git is told of itself, however the machine is set up: no hook, no helper, no program of a configuration's. */
const SETTINGS = [
  "safe.directory=*",
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.alternateRefsCommand=true",
  // The cache is made anew after a crash.
  "core.fsync=none",
  // A larger object is never held in memory as a whole.
  "core.bigFileThreshold=8m",
  "core.packedGitWindowSize=32m",
  "core.packedGitLimit=512m",
  "core.deltaBaseCacheLimit=64m",
  "gc.auto=0",
  "maintenance.auto=false",
  "protocol.allow=never",
  "pack.threads=2",
  "pack.windowMemory=128m",
  "transfer.fsckObjects=true",
  "transfer.advertiseSID=false",
  "uploadpack.allowFilter=true",
  // A repository is one circle of readers: what one may have, all may, also while refs move between two requests.
  "uploadpack.allowAnySHA1InWant=true",
  "uploadpack.packObjectsHook=",
  "user.name=Aspen",
  "user.email=forge@aspen.invalid",
].flatMap((setting) => (setting.endsWith("=") ? [] : ["-c", setting]));

const ENVIRONMENT = {
  PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_OPTIONAL_LOCKS: "0",
};

/** Bytes of a process's messages, and of an output that is read as a whole. */
const STDERR_BYTES = 64 * 1024;
const STDOUT_BYTES = 64 * 1024 * 1024;
/** Bytes of a file beyond the largest pack: its index, and the bases that complete it. */
const FILE_SPARE = 256 * 1024 * 1024;

export type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>;

export interface GitOptions {
  /** The bare repository. */
  directory: string;
  /** @default none beside what git is always given */
  environment?: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

export interface GitRunOptions extends GitOptions {
  /** What it reads. @default nothing */
  input?: string | AsyncIterable<Uint8Array>;
}

/** How a process ended. */
export interface GitResult {
  /** Null when a signal ended it. */
  code: number | null;
  /** Why it was ended from here, or by a limit of the system; null when it ended by itself. */
  stopped: string | null;
  stderr: string;
}

/**
 * Starts git: each process with a deadline, limits on processor time, memory and files, an environment of its own, and
 * none that outlives the node.
 */
export class Git {
  constructor(private readonly options: NormalGatewayOptions) {}

  /** A process whose streams are read by the caller, who must also wait for `ended`. */
  start(
    args: readonly string[],
    { directory, environment = {}, signal }: GitOptions,
  ): { child: GitProcess; ended: Promise<GitResult> } {
    const { memoryBytes, cpuSeconds, pushBytes, gitMs } = this.options;
    const limits = [`--data=${memoryBytes}`, `--cpu=${cpuSeconds}`, `--fsize=${pushBytes + FILE_SPARE}`, "--core=0"];
    const command = ["--pdeathsig", "KILL", "--", "prlimit", ...limits, "--", "git", ...SETTINGS, ...args];
    const child = spawn("setpriv", command, {
      env: { ...ENVIRONMENT, GIT_DIR: directory, ...environment },
      cwd: "/",
      // A group of its own, so that what git starts ends with it.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stopped: string | null = null;
    const stop = (why: string) => {
      stopped ??= why;
      try {
        process.kill(-child.pid!, "SIGKILL");
      } catch {
        // It has just ended.
      }
    };
    const onAbort = () => stop("nobody waits for it any more");
    const deadline = setTimeout(() => stop(`it ran longer than ${gitMs} ms`), gitMs);
    if (signal.aborted) child.once("spawn", onAbort);
    else signal.addEventListener("abort", onAbort, { once: true });
    // A process that has ended takes no more; how it ended is what counts.
    child.stdin.on("error", () => {});
    const stderr = collected(child.stderr, STDERR_BYTES, () => {});
    const ended = (async (): Promise<GitResult> => {
      try {
        const [code, killed] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
        const limit =
          killed === "SIGXCPU" || killed === "SIGKILL"
            ? "it used more processor time than it may, or the machine has no memory left"
            : null;
        const why = stopped ?? limit ?? (killed === "SIGXFSZ" ? "it wrote a larger file than it may" : killed);
        return { code, stopped: why, stderr: decodeUtf8(await stderr) };
      } catch (cause) {
        throw forgeErrors.gitFailed(args[0]!, cause instanceof Error ? cause.message : String(cause));
      } finally {
        clearTimeout(deadline);
        signal.removeEventListener("abort", onAbort);
      }
    })();
    ended.catch(() => undefined);
    return { child, ended };
  }

  /** Runs it to its end. Its input is read to the end in any case. @throws AspenError `FORGE_GIT_FAILED`, or what the input throws */
  async run(
    args: readonly string[],
    { input = "", ...options }: GitRunOptions,
  ): Promise<GitResult & { stdout: string }> {
    const { child, ended } = this.start(args, options);
    const stdout = collected(child.stdout, STDOUT_BYTES, () => child.kill("SIGKILL"));
    const fed = feed(child.stdin, input);
    const result = await ended;
    await fed;
    if (options.signal.aborted) throw forgeErrors.cancelled();
    return { ...result, stdout: decodeUtf8(await stdout) };
  }
}

/** Writes all of it; what the process does not take is thrown away. */
async function feed(stdin: Writable, input: string | AsyncIterable<Uint8Array>): Promise<void> {
  if (typeof input === "string") return void stdin.end(input);
  for await (const chunk of input) {
    if (!stdin.writable || stdin.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const go = () => {
        stdin.off("drain", go);
        stdin.off("close", go);
        resolve();
      };
      stdin.once("drain", go);
      stdin.once("close", go);
      if (stdin.destroyed) go();
    });
  }
  stdin.end();
}

async function collected(stream: Readable, most: number, onOver: () => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (bytes < most) chunks.push(chunk.subarray(0, most - bytes));
    else onOver();
    bytes += chunk.length;
  }
  return Buffer.concat(chunks);
}
