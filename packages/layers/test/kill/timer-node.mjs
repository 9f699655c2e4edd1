// Runs the timers of a store until it is killed, on a clock that goes faster. Prints `holding` when it has them.
import { setTimeout as delay } from "node:timers/promises";
import { Timers } from "@aspen/layers";
import { RedisStore } from "@aspen/storage/redis";

const [url, start, speed] = process.argv.slice(2);
const clock = { now: () => Number(start) + (Date.now() - Number(start)) * Number(speed) };
const store = await RedisStore.open({ url });
const run = new Timers(store.kv, { prefix: "t:timers/", clock }).run(
  async ({ id }) => ({ ops: [{ type: "append", prefix: "t:ticks/", value: new TextEncoder().encode(id) }] }),
  { onError: (error) => console.error(error), leaseTtlMs: 2000, checkMs: 5 },
);
while (!run.holding) await delay(5);
console.log("holding");
