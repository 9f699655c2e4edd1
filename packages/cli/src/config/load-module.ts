import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

/** Milliseconds that a module and its function have together. */
export const MODULE_MS = 10_000;

/** True when the code of a module has run in this process: what it left open must not keep the command alive. */
let ran = false;
export const ranForeignCode = (): boolean => ran;

/** Ends a process whose only thread does not come back, where no promise can give it up any more. */
const WATCHDOG = `
const { workerData: { message, ms, stopped, pid } } = require("node:worker_threads");
if (Atomics.wait(new Int32Array(stopped), 0, 0, ms) === "timed-out") {
  require("node:fs").writeSync(2, message);
  process.kill(pid, "SIGKILL");
}`;

/**
 * The default export of a module, or what it gives when it is a function, which may be asynchronous.
 *
 * A module that computes without an end ends the process, with `late` on stderr.
 *
 * @param late what is told of it
 * @throws what the module throws; `late` after `ms` milliseconds
 */
export async function loadModule(path: string, late: Error, ms = MODULE_MS): Promise<unknown> {
  ran = true;
  const stopped = new SharedArrayBuffer(4);
  // Later than the timer: whoever still answers to that is told in order.
  const message = `error ${(late as { code?: string }).code}: ${late.message}\n`;
  const workerData = { message, ms: ms + 1000, stopped, pid: process.pid };
  const watchdog = new Worker(WATCHDOG, { eval: true, workerData, execArgv: [], env: {} });
  const online = new Promise((resolve, reject) => watchdog.once("online", resolve).once("error", reject));
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late), ms);
  });
  try {
    await online;
    return await Promise.race([evaluate(path), tooLate]);
  } finally {
    clearTimeout(timer);
    Atomics.store(new Int32Array(stopped), 0, 1);
    Atomics.notify(new Int32Array(stopped), 0);
    await watchdog.terminate();
  }
}

async function evaluate(path: string): Promise<unknown> {
  const { default: exported } = (await import(pathToFileURL(path).href)) as { default?: unknown };
  return typeof exported === "function" ? await exported() : exported;
}
