import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "@jest/globals";
import type { ShellPayload } from "../../src/index.js";
import { until } from "../helpers.js";
import { processesWith } from "./helpers.js";

const script = new URL("run-jobs.mjs", import.meta.url).pathname;
const drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--"];

/** A process of its own that runs shell jobs; as nobody, or as the user of the tests. */
function runner(as: "nobody" | "self", options: object = {}) {
  const prefix = as === "nobody" && process.getuid!() === 0 ? drop : [];
  const [command, ...args] = [...prefix, process.execPath, script, JSON.stringify(options)];
  const child: ChildProcessWithoutNullStreams = spawn(command!, args, {
    cwd: "/",
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async next() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`the process ended: ${said}`);
      return JSON.parse(value);
    },
    submit(payload: ShellPayload & { timeoutMs?: number }) {
      child.stdin.write(`${JSON.stringify(payload)}\n`);
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await new Promise((done) => child.once("close", done));
    },
  };
}

const sh = (line: string) => ({ command: "sh", args: ["-c", line] });

test("a process without rights makes the same jail, and says which limits are in force", async () => {
  await using it = runner("nobody", { limits: { processes: 20, memoryMiB: 64 } });
  const { uid, kind, limitedBy } = await it.next();
  expect(kind).toBe("bwrap");
  expect(uid).not.toBe(0);
  it.submit(sh("id -u; ls / /job; tail -n +3 /proc/net/dev | cut -d: -f1; unshare -Ur true 2>/dev/null || echo no"));
  const { result } = await it.next();
  expect(result.stdout).toMatch(/^65534\n.*\/job:\n.*lo\nno\n$/s);
  const mark = `mark-${randomUUID()}`;
  const tree = `trap "" TERM; setsid sh -c 'trap "" TERM; sleep 1000' ${mark} & while :; do sleep 1; done # ${mark}`;
  it.submit({ ...sh(tree), timeoutMs: 1500 });
  await until(() => processesWith(mark).length > 2);
  expect((await it.next()).error.code).toBe("JOB_TIMEOUT");
  expect(processesWith(mark)).toEqual([]);
  it.submit({ ...sh("for n in $(seq 60); do sleep 5 & done; wait"), timeoutMs: 3000 });
  expect((await it.next()).error.code).toMatch(/JOB_TIMEOUT|JOB_EXIT_NONZERO/);
  it.submit(sh("head -c 300000000 /dev/zero | tail -n 1 | wc -c"));
  const hog = await it.next();
  if (limitedBy === "prlimit") expect(hog.result.stderr).toContain("memory exhausted");
  else expect(hog.error.code).toBe("JOB_LIMIT_EXCEEDED");
  it.submit({ ...sh("mkdir -p a/b; touch a/b/c; chmod 000 a"), artifacts: ["**"] });
  expect(await it.next()).toMatchObject({ status: "completed", result: { artifacts: [] } });
  it.submit({ ...sh("echo kept > file"), artifacts: ["file"] });
  expect((await it.next()).result.artifacts).toMatchObject([{ path: "file", bytes: 5 }]);
});

test.each(["self", "nobody"] as const)("a process that is killed takes its jobs with it, as %s", async (as) => {
  const workFolder = join(tmpdir(), `aspen-test-${randomUUID()}`);
  const mark = `mark-${randomUUID()}`;
  try {
    {
      await using it = runner(as, { workFolder });
      await it.next();
      it.submit(sh(`setsid sh -c 'trap "" TERM HUP; sleep 1000' ${mark} & setsid sleep 1000 & sleep 1000 # ${mark}`));
      await until(() => processesWith(mark).length > 3);
      // Of the job's folder, which is mounted for it alone.
      expect(processesWith(workFolder, ["mountinfo"]).length).toBeGreaterThan(0);
      it.child.kill("SIGKILL");
      await until(() => processesWith(mark).length === 0);
      await until(() => processesWith(workFolder, ["mountinfo"]).length === 0);
    }
    expect(readdirSync(workFolder)).toHaveLength(1);
    const left = readdirSync(workFolder)[0]!;
    // The next one removes what the killed one left.
    await using next = runner(as, { workFolder });
    await next.next();
    expect(existsSync(join(workFolder, left))).toBe(false);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
});
