import { setTimeout as delay } from "node:timers/promises";
import { KvJobQueue, ThreadWorker, WorkerPool } from "@aspen/jobs";

const logger = { debug() {}, info() {}, warn: console.warn, error: console.error };
const module = new URL("./functions.mjs", import.meta.url).href;
const CANCELS = 20;

/**
 * Milliseconds from before the cancel of a job, by a queue of another connection, until nothing of it runs any more.
 * @param {"forever" | "heedful"} type
 */
export async function cancels(here, there, type) {
  const namespace = `bench-cancels-${type}:`;
  const queue = new KvJobQueue(here, { namespace });
  const other = new KvJobQueue(there, { namespace });
  const { blobs, exclusive = false } = here;
  const pool = new WorkerPool({ queue, blobs, logger }, { pressure: false, soleProcess: exclusive });
  pool.add(new ThreadWorker([{ type, module, export: type }]));
  await pool.start();
  const times = [];
  for (let n = 0; n < CANCELS; n++) {
    const { id } = await other.submit({ type });
    // Its first line says that it has begun.
    while ((await other.logs(id)).lines.length === 0) await delay(10);
    const started = performance.now();
    await other.cancel(id);
    while (pool.running > 0) await delay(1);
    times.push(performance.now() - started);
    await other.wait(id);
  }
  await pool[Symbol.asyncDispose]();
  await queue[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  return times;
}
