import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { RedisServer } from "../src/testing/index.js";

/** The soak sets more. */
const MEGABYTES = Number(process.env.ASPEN_BLOB_MEGABYTES ?? 256);
/** What a blob of any size may add to the memory that one of 64 MiB needed; the collector is not in a hurry. */
const SLACK_MEGABYTES = 64;
const PROGRAM = fileURLToPath(new URL("./memory/big-blob.mjs", import.meta.url));
const TIMEOUT_MS = 60_000 + MEGABYTES * 200;

async function run(kind: string, place: string): Promise<void> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--max-old-space-size=64", PROGRAM, kind, place, String(MEGABYTES)],
    { timeout: TIMEOUT_MS },
  );
  const { warm, end } = JSON.parse(stdout) as { warm: number; end: number };
  expect(end).toBeLessThan(warm + SLACK_MEGABYTES);
}

test(
  "a blob of any size goes through a directory in constant memory",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "aspen-big-"));
    try {
      await run("embedded", directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  TIMEOUT_MS,
);

test(
  "a blob of any size goes through Redis in constant memory",
  async () => {
    await using server = await RedisServer.start(["--appendonly", "no"]);
    await run("redis", server.url);
  },
  TIMEOUT_MS,
);
