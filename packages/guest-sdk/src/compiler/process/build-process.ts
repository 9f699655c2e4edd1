/**
 * A process that makes one build, so that its memory and its crashes do not reach the parent. The build has a thread of
 * its own, so that this one notices when the parent is gone. The parent ends the process.
 */
import { Worker } from "node:worker_threads";
import type { BuildTask, FromBuild } from "./messages.js";

/** JavaScript heap of the thread that builds. */
const HEAP_MIB = 1024;
/** Stack of that thread: large enough for the engine to reach its own stack limit first. */
const STACK_MIB = 16;

const send = (message: FromBuild) => process.send!(message);

// Whoever asked is gone, perhaps killed.
process.on("disconnect", () => process.exit());
process.once("message", (task: BuildTask) => {
  const worker = new Worker(new URL("./build-worker.js", import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, stackSizeMb: STACK_MIB },
  });
  worker.on("message", send);
  worker.on("error", ({ message }) => send({ type: "died", reason: message }));
});
