/** The thread that builds. It is stopped from outside, because a plugin's top level may never end. */
import { parentPort, workerData } from "node:worker_threads";
import { isAspenError } from "@aspen/plugin-api/abi";
import { compile, isCurrent } from "../compile.js";
import type { BuildFailure, BuildTask, FromBuild } from "./messages.js";

const post = (message: FromBuild) => parentPort!.postMessage(message);

function failure(error: unknown): BuildFailure {
  if (isAspenError(error)) return { aspen: error.toJSON() };
  const { message = String(error), stack = "" } = error instanceof Error ? error : {};
  return { defect: { message, stack } };
}

const task = workerData as BuildTask;
try {
  const result =
    task.type === "is-current"
      ? await isCurrent(task, task.outDirectory)
      : await compile(task, () => post({ type: "top-level" }));
  post({ type: "done", result });
} catch (error) {
  post({ type: "failed", error: failure(error) });
}
