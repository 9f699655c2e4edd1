import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";

interface Seen {
  /** Milliseconds. */
  median: number;
  threads: number;
  lowered: number;
}

/** Instances of one plugin that compute at a time. */
const COMPUTING_MAX = Math.max(2, availableParallelism() - 1);

describe("128 calls at once of a plugin with 64 instances leave a neighbour its share", () => {
  test.each([
    ["that loop until they are stopped", ["starter.loop"]],
    ["that compute for 10 ms each", ["starter.busy", "10"]],
  ])("%s", async (_what, args) => {
    const script = fileURLToPath(new URL("./processes/neighbour-share.mjs", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { timeout: 60_000 });
    const { alone, under } = JSON.parse(stdout) as { alone: Seen; under: Seen };
    // Those that compute, as many on their way, and a spare.
    expect(under.threads - alone.threads).toBeLessThanOrEqual(2 * COMPUTING_MAX + 2);
    // A thread may be lowered for the work of its start.
    expect(under.lowered > alone.lowered).toBe(process.platform === "linux");
    // Without the bound it is a hundred times.
    expect(under.median / alone.median).toBeLessThan(12);
  });
});
