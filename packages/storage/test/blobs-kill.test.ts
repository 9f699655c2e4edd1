import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import { type BlobStore, blobHash, MIN_GRACE_MS } from "../src/index.js";
import { RedisServer, seededRandom } from "../src/testing/index.js";

/** The soak sets more. */
const KILLS = Number(process.env.ASPEN_BLOB_KILLS ?? 4);
const WORKER = fileURLToPath(new URL("./kill/blob-worker.mjs", import.meta.url));
const LIMIT = 10_000_000;

/** A process that works with blobs, and what it holds. */
class Worker {
  readonly held = new Set<string>();
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #first: Promise<unknown>;

  constructor(kind: string, place: string, name: string, seed: number) {
    const child = spawn(process.execPath, [WORKER, kind, place, name, String(seed)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    this.#closed = once(child, "close");
    this.#first = once(child.stdout, "data");
    let rest = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      // The last line may be cut short; then it was not told.
      rest = lines.pop()!;
      for (const line of lines) {
        const [event, hash, tag] = line.split(" ");
        if (event === "held") this.held.add(`${hash} ${tag}`);
        else this.held.delete(`${hash} ${tag}`);
      }
    });
  }

  /** Lets it work for a time after its first success. */
  async kill(afterMs: number): Promise<void> {
    await Promise.race([this.#first, this.#closed]);
    await delay(afterMs);
    expect(this.#child.exitCode).toBeNull();
    this.#child.kill("SIGKILL");
    await this.#closed;
  }
}

async function verify(blobs: BlobStore, held: Iterable<string>): Promise<number> {
  let count = 0;
  for (const [hash, tag] of [...held].map((line) => line.split(" ") as [string, string])) {
    expect(await blobs.references(hash)).toContain(tag);
    expect(blobHash(await blobs.read(hash, LIMIT))).toBe(hash);
    count += 1;
  }
  return count;
}

test("kill -9 of processes that share blobs on Redis, while garbage is collected, loses nothing that is referenced", async () => {
  await using server = await RedisServer.start(["--appendfsync", "no"]);
  await using store = await RedisStore.open({ url: server.url });
  const { blobs } = store;
  const next = seededRandom(17);
  let working = true;
  const collect = async () => {
    while (working) await blobs.collectGarbage({ graceMs: MIN_GRACE_MS });
  };
  const collecting = Promise.all([collect(), collect()]);
  const held = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const workers = [1, 2].map((i) => new Worker("redis", server.url, `w${kill}-${i}`, kill * 31 + i * 7));
    await Promise.all(workers.map((worker) => worker.kill(300 + next() * 900)));
    for (const worker of workers) for (const line of worker.held) held.add(line);
    expect(await verify(blobs, held)).toBeGreaterThan(kill);
  }
  working = false;
  await collecting;
  // What the killed left is found when their leases have ended.
  await delay(1100);
  await blobs.collectGarbage({ graceMs: MIN_GRACE_MS });
  await verify(blobs, held);
  const admin = new Redis(server.url);
  let parts = 0;
  for await (const { size } of blobs.list()) parts += size <= 1_048_576 ? 1 : Math.ceil(size / 1_048_576) + 1;
  expect((await admin.keys("aspen:blob:p:*")).length).toBe(parts);
  expect(await admin.keys("aspen:blob:*:[dlu]")).toEqual([]);
  admin.disconnect();
});

test("kill -9 of a process that works with blobs in a directory loses nothing that is referenced", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aspen-blobs-kill-"));
  const next = seededRandom(19);
  const held = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const worker = new Worker("embedded", directory, `w${kill}`, kill * 31);
    await worker.kill(next() * 400);
    for (const line of worker.held) held.add(line);
    await using store = await EmbeddedStore.open({ directory });
    expect(await verify(store.blobs, held)).toBeGreaterThan(kill);
    await store.blobs.collectGarbage({ graceMs: MIN_GRACE_MS });
    await verify(store.blobs, held);
    // Every file that is left is a blob's.
    const listed: string[] = [];
    for await (const { hash } of store.blobs.list()) listed.push(hash);
    const files: string[] = [];
    for (const folder of await readdir(join(directory, "blobs"))) {
      files.push(...(await readdir(join(directory, "blobs", folder))).map((name) => name.split(".")[0]!));
    }
    expect(files.sort()).toEqual(listed);
    expect(await readdir(join(directory, "uploads"))).toEqual([]);
  }
  await rm(directory, { recursive: true });
});
