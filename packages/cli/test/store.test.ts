import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { Store } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { Redis } from "ioredis";
import { ProgressDisplay } from "../src/progress-display.js";
import { aspen, BIN, startNode } from "./support.js";

let directory: string;
let redis: RedisServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-store-test-"));
  redis = await RedisServer.start();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const text = (value: string) => new TextEncoder().encode(value);

async function fill(store: Store): Promise<void> {
  for (let i = 0; i < 20; i++) await store.kv.put(`n${i % 2}:${i}`, text(`value ${i}`));
  await store.kv.put("n0:ttl", text("1"), { ttlMs: 3_600_000 });
  await store.blobs.put(text("a blob"));
  await store.blobs.put(Buffer.alloc(3_000_000, "large "));
}

/** A directory with a store in it. */
async function embedded(name: string): Promise<string> {
  const path = join(directory, name);
  await using store = await EmbeddedStore.open({ directory: path });
  await fill(store);
  return path;
}

describe("aspen store verify", () => {
  it("finds nothing in a store that is well", async () => {
    const path = await embedded("well");
    expect(await aspen(["store", "verify", "--data-dir", path])).toMatchObject({
      code: 0,
      stdout: "nothing is wrong\n",
      stderr: expect.stringMatching(/^keys: \d+ of 21 keys\nblobs: /),
    });
    const json = await aspen(["store", "verify", "--data-dir", path, "--json"]);
    expect(json).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(json.stdout)).toEqual({
      ok: true,
      remaining: 0,
      repaired: 0,
      counts: {},
      findings: [],
      truncated: false,
    });
  });

  it("tells damage of a Redis, repairs it, and what remains decides the exit status", async () => {
    const url = `${redis.url}/1`;
    const raw = new Redis(url);
    // Whatever fails, the connection must not keep the process alive.
    await using _closed = { [Symbol.asyncDispose]: async () => raw.disconnect() };
    {
      await using store = await RedisStore.open({ url });
      await fill(store);
      const others = new Set(await raw.keys("aspen:blob:p:*"));
      await store.blobs.put(text("will be corrupt"));
      const parts = (await raw.keys("aspen:blob:p:*")).filter((key) => !others.has(key));
      for (const part of parts) await raw.setrange(part, 0, "W");
    }
    await raw.zrem("aspen:{n0%3A}:i", "n0:2");
    await raw.zadd("aspen:{n0%3A}:i", 0, "n0:esc\u001b[2J");
    const env = { ASPEN_REDIS_URL: url };
    const found = await aspen(["store", "verify"], { env });
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(
      /^damage index-missing "n0:2": its row is in no index.*; a repair: puts it into the index$/m,
    );
    expect(found.stdout).toMatch(/^damage index-dangling /m);
    expect(found.stdout).toMatch(/^damage blob-corrupt "[0-9a-f]{64}": /m);
    expect(found.stdout).not.toContain("\u001b");
    expect(found.stderr).toMatch(/error STORE_INCONSISTENT: .*findings: 3.*--repair/);
    const repaired = await aspen(["store", "verify", "--repair", "--json"], { env });
    expect(repaired).toMatchObject({ code: 1, stderr: "" });
    expect(JSON.parse(repaired.stdout)).toMatchObject({
      ok: false,
      remaining: 1,
      repaired: 2,
      counts: { "index-missing": 1, "index-dangling": 1, "blob-corrupt": 1 },
    });
    const removed = await aspen(["store", "verify", "--repair", "--remove-damaged"], { env });
    expect(removed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/repaired: removes it.*\nnothing is wrong any more: 1 finding,/),
    });
    expect(await aspen(["store", "verify"], { env })).toMatchObject({ code: 0, stdout: "nothing is wrong\n" });
  });

  it("refuses a wrong use, a directory without a store and one that a node has", async () => {
    const cases: [args: string[], code: number, message: RegExp][] = [
      [[], 2, /--data-dir DIR or --redis URL/],
      [["--data-dir", directory], 2, /holds no store/],
      [["--data-dir", directory, "--redis", redis.url], 2, /INVALID_PARAMS/],
      [["--data-dir", directory, "--remove-damaged"], 2, /--repair/],
      [["--redis", "redis://127.0.0.1:1"], 7, /STORE_UNAVAILABLE/],
    ];
    for (const [args, code, message] of cases) {
      const ran = await aspen(["store", "verify", ...args]);
      expect([args, ran.code, ran.stdout, ran.stderr]).toEqual([args, code, "", expect.stringMatching(message)]);
    }
    expect((await readdir(directory)).includes("kv")).toBe(false);
    const path = join(directory, "busy");
    const node = await startNode(["--data-dir", path]);
    const busy = await aspen(["store", "verify", "--data-dir", path]);
    expect(busy).toMatchObject({ code: 7, stderr: expect.stringContaining(`process ${node.pid}`) });
    await node.stop("SIGTERM");
    expect(await aspen(["store", "verify", "--data-dir", path])).toMatchObject({ code: 0 });
  });
});

describe("aspen store export and import", () => {
  it("moves a node from a directory to Redis and back", async () => {
    const path = await embedded("moved");
    const file = join(directory, "moved.export");
    const url = `${redis.url}/2`;
    expect(await aspen(["store", "export", file, "--data-dir", path])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^21 keys and 2 blobs \(2\.9 MiB\) exported to /),
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await aspen(["store", "import", file, "--redis", url])).toMatchObject({
      code: 0,
      stdout: "21 keys and 2 blobs imported\n",
    });
    const refused = await aspen(["store", "import", file, "--redis", url, "--json"]);
    expect(refused).toMatchObject({ code: 6, stdout: "" });
    expect(JSON.parse(refused.stderr).error.code).toBe("STORE_NOT_EMPTY");
    const merged = await aspen(["store", "import", file, "--redis", url, "--merge", "--json"]);
    expect(JSON.parse(merged.stdout)).toMatchObject({ entries: 21, blobs: 2, blobsPresent: 2, expired: 0 });

    expect(await aspen(["store", "export", file, "--redis", url])).toMatchObject({ code: 2, stdout: "" });
    const again = await aspen(["store", "export", file, "--force", "--redis", url, "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({
      file,
      entries: 21,
      blobs: 2,
      bytes: (await stat(file)).size,
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const back = join(directory, "back");
    expect(await aspen(["store", "import", file, "--data-dir", back])).toMatchObject({ code: 0 });
    await using store = await EmbeddedStore.open({ directory: back });
    expect(Buffer.from((await store.kv.get("n1:7"))!.value).toString()).toBe("value 7");
    expect((await store.kv.scan({ prefix: "", keysOnly: true })).entries).toHaveLength(21);
    expect((await readdir(directory)).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("goes to stdout, and a reader that leaves is a failure", async () => {
    const path = await embedded("piped");
    const piped = await aspen(["store", "export", "-", "--data-dir", path, "--json"]);
    expect(piped.code).toBe(0);
    expect(JSON.parse(piped.stderr)).toMatchObject({ file: "-", entries: 21, bytes: piped.bytes.length });
    const file = join(directory, "piped.export");
    await writeFile(file, piped.bytes);
    const target = join(directory, "from-pipe");
    expect(await aspen(["store", "import", file, "--data-dir", target])).toMatchObject({ code: 0 });
    const child = spawn(
      "bash",
      ["-c", '"$0" "$@" | true; exit $PIPESTATUS', process.execPath, BIN, "store", "export", "-", "--data-dir", path],
      {
        stdio: "ignore",
      },
    );
    expect((await once(child, "close"))[0]).toBe(1);
  });

  it("refuses a damaged file, a missing one and stdin, and makes no store for them", async () => {
    const path = await embedded("damaged");
    const file = join(directory, "damaged.export");
    await aspen(["store", "export", file, "--data-dir", path]);
    const bytes = await readFile(file);
    bytes[bytes.length >> 1]! ^= 4;
    await writeFile(file, bytes);
    const url = `${redis.url}/3`;
    expect(await aspen(["store", "import", file, "--redis", url])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/error EXPORT_INVALID: .*checksum/),
    });
    const target = join(directory, "never");
    const other = join(directory, "other.export");
    await writeFile(other, "no export at all");
    for (const from of [join(directory, "no.export"), "-", file, other, directory]) {
      expect(await aspen(["store", "import", from, "--data-dir", target])).toMatchObject({ code: 2, stdout: "" });
    }
    await expect(stat(target)).rejects.toMatchObject({ code: "ENOENT" });
    const raw = new Redis(url);
    expect(await raw.dbsize()).toBe(0);
    raw.disconnect();
  });

  it("leaves no file behind when it is interrupted", async () => {
    const path = join(directory, "slow");
    {
      await using store = await EmbeddedStore.open({ directory: path });
      for (let i = 0; i < 40; i++) await store.blobs.put(Buffer.alloc(4_000_000, `${i} `));
    }
    const file = join(directory, "slow.export");
    const child = spawn(process.execPath, [BIN, "store", "export", file, "--data-dir", path]);
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      const before = stderr;
      stderr += chunk.toString();
      if (stderr.includes("blobs: ") && !before.includes("blobs: ")) child.kill("SIGINT");
    });
    expect((await once(child, "close"))[0]).toBe(5);
    expect(stderr).toContain("error CANCELLED: ");
    expect((await readdir(directory)).filter((name) => name.startsWith("slow."))).toEqual([]);
  });
});

describe("aspen store stats", () => {
  it("counts what is there", async () => {
    const path = await embedded("stats");
    const json = await aspen(["store", "stats", "--data-dir", path, "--json", "--top", "1"]);
    expect(json.code).toBe(0);
    const stats = JSON.parse(json.stdout);
    expect(stats).toMatchObject({
      driver: "embedded",
      keys: 21,
      namespaces: 2,
      blobs: { count: 2, bytes: 3_000_006 },
      largest: [{ namespace: "n0:", keys: 11 }],
      storage: { mapBytes: expect.any(Number), usedBytes: expect.any(Number), fileBytes: expect.any(Number) },
    });
    expect(stats.largest).toHaveLength(1);
    const shown = await aspen(["store", "stats", "--data-dir", path]);
    expect(shown.stdout).toMatch(/^keys +21$/m);
    expect(shown.stdout).toMatch(/^n0: +11 +/m);
    const url = `${redis.url}/4`;
    {
      await using store = await RedisStore.open({ url });
      await fill(store);
    }
    const inRedis = await aspen(["store", "stats", "--redis", url, "--json"]);
    expect(JSON.parse(inRedis.stdout)).toMatchObject({
      driver: "redis",
      keys: 21,
      indexEntries: 21,
      expiryEntries: 1,
      valueBytes: stats.valueBytes,
      keyBytes: stats.keyBytes,
      storage: { usedMemoryBytes: expect.any(Number) },
    });
  });
});

describe("the display of progress", () => {
  class Screen extends Writable {
    readonly isTTY = true;
    readonly columns = 80;
    readonly rows = 25;
    shown = "";
    override _write(chunk: Buffer, _encoding: string, done: () => void) {
      this.shown += chunk.toString();
      done();
    }
    cursorTo() {}
    clearLine() {}
  }

  it("is a bar on a terminal, gone at the end, and nothing when it is silent", () => {
    const screen = new Screen();
    const display = new ProgressDisplay({ stream: screen as never });
    display.show({ phase: "blobs", done: 0, total: 4096, amount: "4.0 KiB of 4.0 KiB" });
    display.show({ phase: "blobs", done: 4096, total: 4096, amount: "4.0 KiB of 4.0 KiB" });
    display.end();
    expect(screen.shown).toMatch(/blobs .*%.* of 4\.0 KiB/);
    // The cursor is there again.
    expect(screen.shown.lastIndexOf("\u001b[?25h")).toBeGreaterThan(screen.shown.lastIndexOf("\u001b[?25l"));
    const quiet = new Screen();
    const silent = new ProgressDisplay({ stream: quiet as never, silent: true });
    silent.show({ phase: "keys", done: 1, total: null, amount: "1 keys" });
    silent.end();
    expect(quiet.shown).toBe("");
  });
});
