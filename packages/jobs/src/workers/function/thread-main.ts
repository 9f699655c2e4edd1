import { parentPort } from "node:worker_threads";
import { AspenError, type Logger } from "@aspen/plugin-api";
import { failureOf, jobsErrors, PermanentFailure } from "../../errors.js";
import type { JobLogLine, RunnableJob } from "../../job.js";
import type { FromThread, ToThread } from "./messages.js";
import type { ThreadJobContext } from "./thread-worker.js";

if (!parentPort) throw new Error("this file runs in a worker thread of a ThreadWorker");
const port = parentPort;
const say = (message: FromThread): void => port.postMessage(message);

let running: AbortController | null = null;

port.on("message", (message: ToThread) => {
  if (message.kind === "abort") running?.abort(new AspenError(message.code, message.message));
  else void run(message);
});

async function run({ job, module, exportName }: Extract<ToThread, { kind: "run" }>): Promise<void> {
  running = new AbortController();
  try {
    const result = await (await functionOf(module, exportName))(job, contextOf(running.signal));
    say({ kind: "completed", json: jsonOf(result) });
  } catch (error) {
    say({ kind: "failed", failure: failureOf(error) });
  } finally {
    running = null;
  }
}

async function functionOf(module: string, exportName: string) {
  const exports = (await import(module)) as Record<string, unknown>;
  const found = exports[exportName];
  if (typeof found !== "function") throw new PermanentFailure(`${module} exports no function ${exportName}`);
  return found as (job: RunnableJob, context: ThreadJobContext) => unknown;
}

function contextOf(signal: AbortSignal): ThreadJobContext {
  const line = (level: JobLogLine["level"]) => (fields: object, message: string) => {
    say({ kind: "log", level, fields: JSON.parse(JSON.stringify(fields)) as object, message });
  };
  const log: Logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  return { signal, log, progress: (progress) => say({ kind: "progress", progress }) };
}

function jsonOf(result: unknown): string {
  try {
    return JSON.stringify(result ?? null) ?? "null";
  } catch (error) {
    throw jobsErrors.notJson("result", error);
  }
}
