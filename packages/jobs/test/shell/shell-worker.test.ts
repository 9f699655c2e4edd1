import { randomUUID } from "node:crypto";
import { readdirSync, readlinkSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "@jest/globals";
import { ShellWorker } from "../../src/index.js";
import { until } from "../helpers.js";
import { processesWith, shellPool } from "./helpers.js";

test("a program gets its arguments, its input and its environment, and its outputs and status come back", async () => {
  await using it = await shellPool();
  const done = await it.sh('cat; echo "$GREETING $1" >&2; pwd', {
    args: ["-c", 'cat; echo "$GREETING $1" >&2; pwd', "sh", "a b"],
    env: { GREETING: "hi" },
    stdin: "from stdin\n",
  });
  expect(done).toMatchObject({
    status: "completed",
    result: {
      ...{ exitCode: 0, stdout: "from stdin\n/job\n", stderr: "hi a b\n", artifacts: [] },
      ...{ stdoutTruncated: false, stderrTruncated: false },
    },
  });
  const { lines } = await it.queue.logs(done.id);
  expect(lines.map(({ message, fields }) => [fields?.stream, message]).sort()).toEqual([
    ["stderr", "hi a b"],
    ["stdout", "/job"],
    ["stdout", "from stdin"],
  ]);
});

test("another status than 0 is an error with the status and the end of stderr", async () => {
  await using it = await shellPool();
  expect(await it.sh("echo why >&2; exit 3")).toMatchObject({
    status: "failed",
    error: { code: "JOB_EXIT_NONZERO", details: { exitCode: 3, stderr: "why\n" } },
  });
  expect((await it.run({ command: "no-such-program" })).error).toMatchObject({
    code: "JOB_EXIT_NONZERO",
    details: { exitCode: 127 },
  });
  expect((await it.sh("kill -9 $$")).error).toMatchObject({ code: "JOB_EXIT_NONZERO", details: { exitCode: 137 } });
});

test("no variable, file or descriptor of the node is seen, and nothing but its own folder and /tmp can be written", async () => {
  process.env.NODE_SECRET = "do not tell";
  try {
    await using it = await shellPool();
    const probe = [
      "env | cut -d= -f1 | sort | tr '\\n' ' '; echo",
      "ls -d /home /root /work /var /etc/shadow /etc/ssh /sys 2>/dev/null; echo none",
      "for it in / /usr /etc /dev /proc/sys/kernel/hostname; do ( echo x > $it/x ) 2>/dev/null && echo wrote $it; done",
      "echo x > /job/x && echo x > /tmp/x && echo x > $HOME/y && echo ok",
      "ls /tmp /dev/shm",
      "ls /proc/self/fd | grep -v -x -e 0 -e 1 -e 2 -e 3",
      "id -u; grep -h -e CapEff -e CapBnd -e NoNewPrivs /proc/self/status | tr '\\t\\n' '  '; echo",
      "unshare -Ur true 2>/dev/null || echo no namespaces",
    ].join("\n");
    const { result } = await it.sh(`${probe}\ntrue`);
    expect(result.stdout.split("\n")).toEqual([
      "HOME LANG PATH PWD SHLVL TMPDIR USER ",
      "none",
      "ok",
      ...["/dev/shm:", "", "/tmp:", "x"],
      "65534",
      "CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1 ",
      "no namespaces",
      "",
    ]);
    // What one job leaves, no other sees.
    expect((await it.sh("ls -A /tmp /job")).result.stdout).toBe("/job:\n\n/tmp:\n");
  } finally {
    delete process.env.NODE_SECRET;
  }
});

test("there is no network unless the worker allows it and the job asks for it", async () => {
  const interfaces = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort | tr '\\n' ' '";
  await using closed = await shellPool();
  expect((await closed.sh(interfaces)).result.stdout).toBe("lo ");
  const asked = await closed.sh(interfaces, { network: true });
  expect(asked).toMatchObject({ status: "failed", attempts: 1, error: { code: "INVALID_PARAMS" } });
  await expect(closed.pool.checkPayload("shell", { command: "true", network: true })).rejects.toMatchObject({
    code: "INVALID_PARAMS",
    message: expect.stringContaining("network"),
  });
  await using open = await shellPool({ allowNetwork: true });
  expect((await open.sh(interfaces)).result.stdout).toBe("lo ");
  // The very network of this process.
  const namespace = (await open.sh("readlink /proc/self/ns/net", { network: true })).result.stdout.trim();
  expect(namespace).toBe(readlinkSync("/proc/self/ns/net"));
});

test("a tree that ignores signals, leaves its session and fills its output is gone when its time is over", async () => {
  await using it = await shellPool();
  const mark = `mark-${randomUUID()}`;
  const tree = `
    trap "" TERM INT HUP
    for n in 1 2 3; do
      setsid sh -c 'trap "" TERM; while :; do sleep 1; done' ${mark} </dev/null >/dev/null 2>&1 &
      ( trap "" TERM; sh -c 'trap "" TERM; sleep 1000' ${mark} & sleep 1000 ) &
    done
    while :; do echo ${"x".repeat(1000)}; done`;
  const { id } = await it.queue.submit({
    type: "shell",
    payload: { command: "sh", args: ["-c", tree], env: { MARK: mark }, maxOutputBytes: 20_000 },
    timeoutMs: 2000,
  });
  await until(() => processesWith(mark).length > 6);
  expect(await it.queue.wait(id)).toMatchObject({ status: "failed", error: { code: "JOB_TIMEOUT" } });
  expect(processesWith(mark)).toEqual([]);
  const { lines } = await it.queue.logs(id);
  expect(lines.at(-1)).toMatchObject({ level: "warn", message: expect.stringContaining("over 20000 bytes") });
  expect(lines.length).toBeLessThan(40);
  expect((await it.sh("echo next")).result.stdout).toBe("next\n");
});

test("what a program leaves in the background ends with it", async () => {
  await using it = await shellPool();
  const mark = `mark-${randomUUID()}`;
  const { status } = await it.sh(`setsid sh -c 'sleep 1000' ${mark} & echo started`, { env: { MARK: mark } });
  expect(status).toBe("completed");
  expect(processesWith(mark)).toEqual([]);
});

test("a cancel sends SIGTERM first, and ends what does not heed it", async () => {
  await using it = await shellPool();
  const submit = (script: string) =>
    it.queue.submit({ type: "shell", payload: { command: "sh", args: ["-c", script] } });
  const logged = async (id: string, text: string) =>
    (await it.queue.logs(id)).lines.some(({ message }) => message === text);
  const heeds = await submit('trap "echo ending; exit 0" TERM; echo up; while :; do sleep 0.05; done');
  await until(() => logged(heeds.id, "up"));
  await it.queue.cancel(heeds.id);
  expect(await it.queue.wait(heeds.id)).toMatchObject({ status: "cancelled" });
  expect(await logged(heeds.id, "ending")).toBe(true);
  const mark = `mark-${randomUUID()}`;
  const ignores = await submit(`trap "" TERM; echo up; while :; do sleep 1; done # ${mark}`);
  await until(() => logged(ignores.id, "up"));
  expect(processesWith(mark).length).toBeGreaterThan(0);
  await it.queue.cancel(ignores.id);
  expect(await it.queue.wait(ignores.id)).toMatchObject({ status: "cancelled", error: { code: "JOB_CANCELLED" } });
  expect(processesWith(mark)).toEqual([]);
  await until(() => it.pool.running === 0);
});

test("large output is a blob that the job keeps, and what is over the limit is dropped", async () => {
  await using it = await shellPool();
  const all = await it.sh("head -c 200000 /dev/zero | tr '\\0' a");
  expect(all.result).toMatchObject({ stdout: "a".repeat(65_536), stdoutTruncated: true, stderrTruncated: false });
  const hash = all.result.stdoutBlob!;
  expect(Buffer.from(await it.store.blobs.read(hash, 1_000_000)).toString()).toBe("a".repeat(200_000));
  expect(await it.store.blobs.references(hash)).toHaveLength(1);
  await it.queue.remove(all.id);
  expect(await it.store.blobs.references(hash)).toEqual([]);
  const cut = await it.sh("head -c 200000 /dev/zero | tr '\\0' a", { maxOutputBytes: 1000 });
  expect(cut.result).toMatchObject({ stdout: "a".repeat(1000), stdoutTruncated: true });
  expect(cut.result.stdoutBlob).toBeUndefined();
});

test("without a jail, when that is said, programs run in their folder and without the node's variables", async () => {
  const warned: string[] = [];
  const silent = () => undefined;
  const logger = { debug: silent, info: silent, error: silent, warn: (_: object, text: string) => warned.push(text) };
  await using it = await shellPool({ jail: "none", logger });
  expect(warned).toEqual([expect.stringContaining("without a jail")]);
  expect(it.worker.inForce).toEqual({ kind: "none", limitedBy: "none" });
  const mark = `mark-${randomUUID()}`;
  const done = await it.sh("env | cut -d= -f1 | sort | tr '\\n' ' '; sleep 1000 & pwd", { env: { MARK: mark } });
  expect(done.result.stdout).toMatch(/^HOME LANG MARK PATH PWD SHLVL \/.*aspen-jobs-.*\n$/);
  expect(processesWith(mark)).toEqual([]);
  const slow = await it.sh(`trap "" TERM; while :; do sleep 1; done # ${mark}`, {}, 500);
  expect(slow.error).toMatchObject({ code: "JOB_TIMEOUT" });
  expect(processesWith(mark)).toEqual([]);
  expect((await it.run({ command: "/no/such/program" })).error).toMatchObject({ code: "JOB_FAILED" });
});

test("where bubblewrap is missing, the worker does not start, and says what to install", async () => {
  const path = process.env.PATH;
  process.env.PATH = "/nowhere";
  try {
    await expect(new ShellWorker().onStart()).rejects.toMatchObject({
      code: "TOOL_MISSING",
      message: expect.stringContaining("apt-get install bubblewrap"),
    });
  } finally {
    process.env.PATH = path;
  }
});

test("folders of jobs are gone with them, and the worker's own with the worker", async () => {
  const folder = `${tmpdir()}/aspen-test-${randomUUID()}`;
  {
    await using it = await shellPool({ workFolder: folder });
    const nested =
      "mkdir -p a/b/c && touch a/b/c/d && chmod 000 a/b && i=0; while [ $i -lt 300 ]; do mkdir deepdeepdeepdeep && cd deepdeepdeepdeep; i=$((i+1)); done; echo deep";
    expect((await it.sh(nested)).result.stdout).toBe("deep\n");
    const [own] = readdirSync(folder);
    await until(() => readdirSync(`${folder}/${own}`).length === 0);
  }
  expect(readdirSync(folder)).toEqual([]);
  rmdirSync(folder);
});

test.each([{ jail: "chroot" }, { limits: { cpus: 0 } }, { uid: 0 }, { readOnlyPaths: ["../x"] }, { workFolder: "." }])(
  "bad options are refused: %j",
  async (options) => {
    await expect(new ShellWorker(options as never).onStart()).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  },
);
