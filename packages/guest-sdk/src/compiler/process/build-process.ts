/**
 * A process that makes one build: what it costs in memory, and what crashes in it, is not its parent's. The
 * build has a thread of its own, so that this one hears when the parent is gone. The parent ends the process.
 */
import { Worker } from "node:worker_threads";
import type { BuildTask, FromBuild } from "./messages.js";

/** JavaScript heap of the thread that builds. */
const HEAP_MIB = 1024;
/** Stack of that thread, so that the engine's own stack limit is met first. */
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
