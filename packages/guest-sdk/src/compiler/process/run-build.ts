import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { AspenError } from "@aspen/plugin-api/abi";
import { compilerErrors } from "../errors.js";
import { BUILD_LIMIT_MS, BUILD_TIMEOUT_MS, TOP_LEVEL_GRACE_MS } from "../limits.js";
import { PACKAGE_ROOT } from "../template/template-file.js";
import type { BuildFailure, BuildResults, BuildTask, FromBuild } from "./messages.js";

export interface BuildBounds {
  /** Wall time after which the build is stopped, in milliseconds. @default 120000 */
  timeoutMs?: number;
  /** Stops the build. @default none */
  signal?: AbortSignal;
}

/** Made by this package's own build, also when the rest runs from source. */
const PROCESS_FILE = join(PACKAGE_ROOT, "dist", "compiler", "build-process.js");
/** Most characters of a dying process's output that its error shows. */
const OUTPUT_MAX = 500;

type Settle<Task extends BuildTask> = (result: BuildResults[Task["type"]]) => void;

/**
 * Runs a build in a process of its own, which has ended when this returns.
 *
 * @throws AspenError `BUILD_FAILED`
 * @throws the reason of `signal`
 */
export async function runBuild<Task extends BuildTask>(
  task: Task,
  { timeoutMs = BUILD_TIMEOUT_MS, signal }: BuildBounds = {},
): Promise<BuildResults[Task["type"]]> {
  signal?.throwIfAborted();
  // Options for the debugger or the loader of this process are not meant for that one.
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const child = fork(PROCESS_FILE, [], {
    execArgv: [],
    env,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const closed = once(child, "close");
  const timers: NodeJS.Timeout[] = [];
  let onAbort = () => {};
  try {
    return await new Promise((resolve: Settle<Task>, reject) => {
      const failAfter = (ms: number, error: () => Error) => timers.push(setTimeout(() => reject(error()), ms));
      failAfter(timeoutMs, () => compilerErrors.tooSlow(task.directory, timeoutMs));
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort);
      rejectWhenDead(child, task.directory, reject);
      child.on("message", (message: FromBuild) => {
        if (message.type === "done") resolve(message.result as BuildResults[Task["type"]]);
        else if (message.type === "failed") reject(errorOf(message.error));
        else if (message.type === "died") reject(compilerErrors.processDied(task.directory, message.reason, ""));
        else failAfter(BUILD_LIMIT_MS + TOP_LEVEL_GRACE_MS, () => endless(task));
      });
      child.send(task);
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    child.kill("SIGKILL");
    await closed;
  }
}

function rejectWhenDead(child: ChildProcess, directory: string, reject: (error: Error) => void): void {
  let output = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(0, OUTPUT_MAX);
  });
  child.once("error", reject);
  // This comes after all its output has been read.
  child.once("close", (code, signal) => {
    reject(compilerErrors.processDied(directory, signal ?? `exit status ${code}`, output.trimEnd()));
  });
}

function endless({ manifest }: BuildTask): Error {
  return compilerErrors.topLevelEndless(manifest.name, manifest.entry.source, BUILD_LIMIT_MS, "");
}

function errorOf(error: BuildFailure): Error {
  if ("aspen" in error) return AspenError.fromJSON(error.aspen);
  return Object.assign(new Error(error.defect.message), { stack: error.defect.stack });
}
