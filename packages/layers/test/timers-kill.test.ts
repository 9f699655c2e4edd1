import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeUtf8 } from "@aspen/plugin-api";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { Timers } from "../src/index.js";

const NODE = fileURLToPath(new URL("./kill/timer-node.mjs", import.meta.url));
const TICKS = 100;
const KILLS = 5;
/** A tick of each second comes each 200 ms. */
const SPEED = 5;

test("of three processes whose holder is killed -9 five times each tick of a crontab is run once", async () => {
  await using server = await RedisServer.start();
  await using store = await RedisStore.open({ url: server.url });
  const start = Date.now();
  const clock = { now: () => start + (Date.now() - start) * SPEED };
  const timers = new Timers(store.kv, { prefix: "t:timers/", clock });
  await timers.set("each-second", { schedule: { cron: "* * * * * *" }, catchUp: 1000 });
  const first = (await timers.get("each-second"))!.nextAt!;
  const children = new Set<ChildProcess>();
  /** Those that said they hold the timers; the last one may still. */
  const holders: ChildProcess[] = [];
  const spawnNode = (): void => {
    const args = [NODE, server.url, String(start), String(SPEED)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
    children.add(child);
    child.stdout.on("data", () => holders.push(child));
  };
  const ticks = async (): Promise<string[]> => {
    const { entries } = await store.kv.scan({ prefix: "t:ticks/", limit: 10_000 });
    return entries.map(({ value }) => decodeUtf8(value));
  };
  try {
    for (let i = 0; i < 3; i++) spawnNode();
    for (let kill = 0; kill < KILLS; kill++) {
      const before = (await ticks()).length;
      while (holders.length <= kill) await delay(5);
      const holder = holders.at(-1)!;
      while ((await ticks()).length <= before) await delay(5);
      const closed = once(holder, "close");
      holder.kill("SIGKILL");
      await closed;
      children.delete(holder);
      spawnNode();
    }
    let ids: string[] = [];
    while (ids.length < TICKS) {
      await delay(20);
      ids = await ticks();
    }
    const expected = ids.map((_, i) => `each-second@${new Date(first + i * 1000).toISOString()}`);
    expect(ids).toEqual(expected);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
});
