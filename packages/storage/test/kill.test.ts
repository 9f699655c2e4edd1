import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { expect, test } from "@jest/globals";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import type { KeyValueStore } from "../src/index.js";
import { RedisServer, seededRandom } from "../src/testing/index.js";

/** The soak sets more. */
const KILLS = Number(process.env.ASPEN_KILLS ?? 5);
const WRITER = fileURLToPath(new URL("./kill/writer.mjs", import.meta.url));
const GROUPS = 20;

/** The number of a value, or -1 when there is none. */
async function numberAt(kv: KeyValueStore, key: string): Promise<number> {
  const entry = await kv.get(key);
  return entry ? Number.parseInt(decodeUtf8(entry.value), 10) : -1;
}

/** Every group is of one transaction, and nothing that was acknowledged is missing. */
async function verify(kv: KeyValueStore, acknowledged: number): Promise<void> {
  expect(await numberAt(kv, "t:last")).toBeGreaterThanOrEqual(acknowledged);
  for (let group = 0; group < GROUPS; group++) {
    // One scan, because the next transaction may come between two reads.
    const { entries } = await kv.scan({ prefix: `t:${group}:` });
    const numbers = entries.map(({ value }) => Number.parseInt(decodeUtf8(value), 10));
    expect([0, 3]).toContain(numbers.length);
    expect(new Set(numbers).size).toBeLessThanOrEqual(1);
    const due = acknowledged - ((((acknowledged - group) % GROUPS) + GROUPS) % GROUPS);
    if (due >= 0) expect(numbers[0]).toBeGreaterThanOrEqual(due);
  }
}

test("kill -9 of a process that writes to an embedded store loses nothing acknowledged and halves nothing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aspen-kill-"));
  const next = seededRandom(11);
  let acknowledged = -1;
  let slowestMs = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [WRITER, directory, String(acknowledged + 1)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = once(child, "close");
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    await Promise.race([once(child.stdout, "data"), closed]);
    await delay(next() * 60);
    child.kill("SIGKILL");
    await closed;
    // The last line may be cut short; it was not read as acknowledged then.
    const lines = output.split("\n").slice(0, -1);
    acknowledged = Math.max(acknowledged, ...lines.map(Number));
    const opening = performance.now();
    await using store = await EmbeddedStore.open({ directory });
    slowestMs = Math.max(slowestMs, performance.now() - opening);
    await verify(store.kv, acknowledged);
    for (let i = 0; i < GROUPS; i++) {
      const due = acknowledged - ((((acknowledged - i) % GROUPS) + GROUPS) % GROUPS);
      if (due >= 0) expect(await numberAt(store.kv, `p:${i}`)).toBeGreaterThanOrEqual(due);
    }
  }
  expect(acknowledged).toBeGreaterThan(KILLS);
  if (process.env.ASPEN_KILLS) console.info(`the slowest opening after a kill took ${slowestMs.toFixed(1)} ms`);
  await rm(directory, { recursive: true });
});

test("kill -9 of a Redis that syncs every write loses nothing acknowledged and halves nothing", async () => {
  await using server = await RedisServer.start();
  await using store = await RedisStore.open({ url: server.url, commandTimeoutMs: 10_000 });
  const next = seededRandom(13);
  let acknowledged = -1;
  let writing = true;
  const writer = (async () => {
    for (let n = 0; writing; n++) {
      const put = (key: string) => ({ type: "put", key, value: encodeUtf8(`${n} `) }) as const;
      const group = `t:${n % GROUPS}:`;
      const ops = [put(`${group}a`), put(`${group}b`), put(`${group}c`), put("t:last")];
      try {
        await store.kv.transact({ checks: [], ops });
        acknowledged = n;
      } catch (error) {
        if ((error as { code?: string }).code !== "OUTCOME_UNKNOWN") throw error;
        // Whether or not it was applied, the next round goes on from it.
        n -= 1;
      }
    }
  })();
  for (let kill = 0; kill < KILLS; kill++) {
    await delay(20 + next() * 60);
    await server.stop("SIGKILL");
    const known = acknowledged;
    await server.start();
    await verify(store.kv, known);
  }
  writing = false;
  await writer;
  await verify(store.kv, acknowledged);
  expect(acknowledged).toBeGreaterThan(KILLS);
});
