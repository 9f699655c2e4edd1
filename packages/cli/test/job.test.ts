import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type {} from "@aspen/node";
import { type ResultOf, type RpcClient, remoteClient } from "@aspen/rpc-core/remote";
import { aspen, BIN, type RunningNode, startNode } from "./support.js";

type Polled = ResultOf<"worker.poll">["jobs"][number];

let directory: string;
let node: RunningNode;
let env: { ASPEN_NODE: string };
let client: RpcClient;
const closed = new AbortController();
let working: Promise<void>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-job-test-"));
  node = await startNode(["--data-dir", join(directory, "data"), "--jobs"]);
  env = { ASPEN_NODE: node.url };
  client = remoteClient({ url: node.url });
  await client.call("worker.register", { worker: "w", types: Object.keys(JOBS), concurrency: 4 });
  working = work();
});

afterAll(async () => {
  closed.abort();
  await working;
  await node?.stop("SIGTERM");
  await rm(directory, { recursive: true, force: true });
});

/** A worker elsewhere, as a program in any language would be one. */
async function work(): Promise<void> {
  const under = new Set<Promise<unknown>>();
  while (!closed.signal.aborted) {
    try {
      const params = { worker: "w", types: Object.keys(JOBS), waitMs: 1000, limit: 10 };
      const { jobs } = await client.call("worker.poll", params, { signal: closed.signal });
      for (const job of jobs) {
        const run = JOBS[job.type]!(job).finally(() => under.delete(run));
        under.add(run);
      }
    } catch (error) {
      if (!closed.signal.aborted) throw error;
    }
  }
  await Promise.all(under);
}

const complete = ({ id, token }: Polled, result: unknown) => client.call("worker.complete", { id, token, result });
const fail = ({ id, token }: Polled) =>
  client.call("worker.fail", { id, token, error: { code: "JOB_EXIT_NONZERO", message: "it said \u001b[31mno" } });
const beat = ({ id, token }: Polled, percent: number, message: string) => {
  const log = [{ at: Date.now(), level: "info" as const, message: `at ${percent}` }];
  return client.call("worker.heartbeat", { jobs: [{ id, token, progress: { percent, message }, log }] });
};

const JOBS: Record<string, (job: Polled) => Promise<unknown>> = {
  echo: (job) => complete(job, job.payload),
  fails: (job) => fail(job),
  steps: async (job) => {
    for (const percent of [0, 50, 100]) {
      await beat(job, percent, `step ${percent}`);
      await delay(300);
    }
    await complete(job, "all steps");
  },
  // Until it is cancelled.
  endless: async (job) => {
    while (!closed.signal.aborted) {
      const { answers } = await beat(job, 10, "on and on");
      if (answers[0] !== "held") return fail(job);
      await delay(100);
    }
  },
};

const submit = async (...args: string[]) => (await aspen(["job", "submit", ...args], { env })).stdout.trim();
const json = async (...args: string[]) => {
  const ran = await aspen([...args, "--json"], { env });
  expect(ran).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(ran.stdout);
};
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Runs a command, and sends it a signal when it has written what it should. */
async function interrupted(args: readonly string[], seen: RegExp): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [BIN, ...args], { env: { ...process.env, ...env }, timeout: 60_000 });
  let text = "";
  let stderr = "";
  let sent = false;
  const hear = (chunk: Buffer) => {
    text += chunk.toString("utf8");
    if (sent || !seen.test(text)) return;
    sent = true;
    // As npm does, which passes on what the terminal sent to both.
    child.kill("SIGINT");
    child.kill("SIGINT");
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    hear(chunk);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stderr };
}

describe("aspen job", () => {
  it("submits a job and shows what became of it", async () => {
    const id = await submit("echo", '{"n":1}', "--priority", "-3", "--attempts", "2", "--backoff", "list:1s,5m");
    expect(id).toMatch(ID);
    const waited = await aspen(["job", "wait", id], { env });
    expect(waited.code).toBe(0);
    expect(JSON.parse(waited.stdout)).toEqual({ n: 1 });
    const job = await json("job", "get", id);
    expect(job).toMatchObject({ id, status: "completed", priority: -3, maxAttempts: 2, result: { n: 1 } });
    expect((await aspen(["job", "remove", id], { env })).stdout).toBe("removed\n");
    expect(await aspen(["job", "get", id], { env })).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error JOB_NOT_FOUND/),
    });
    expect(await aspen(["job", "logs", id], { env })).toMatchObject({ code: 4, stdout: "" });
  });

  it("submits a flow, whose jobs wait for each other, or says why it cannot", async () => {
    const jobs = [
      { name: "after", type: "echo", payload: 2, dependsOn: ["first"] },
      { name: "first", type: "echo", payload: 1 },
    ];
    const { ids } = await json("job", "flow", JSON.stringify(jobs));
    expect(Object.keys(ids).sort()).toEqual(["after", "first"]);
    const waited = await aspen(["job", "wait", ids.after], { env });
    expect(waited).toMatchObject({ code: 0, stdout: "2\n" });
    const [first, after] = await Promise.all([json("job", "get", ids.first), json("job", "get", ids.after)]);
    expect(after.startedAt).toBeGreaterThanOrEqual(first.finishedAt);
    const plain = await aspen(["job", "flow", "-"], { env, input: JSON.stringify(jobs.slice(1)) });
    expect(plain).toMatchObject({ code: 0, stdout: expect.stringMatching(/^first\t[0-9a-f-]{36}\n$/) });
    for (const [argument, problem] of [
      ['{"name":"first"}', /must be a JSON list/],
      ["[]", /INVALID_PARAMS/],
      [JSON.stringify([{ ...jobs[1], dependsOn: ["first"] }]), /in a circle: first -> first/],
    ] as const) {
      const refused = await aspen(["job", "flow", argument], { env });
      expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(problem) });
    }
  });

  it("takes the payload from the argument, a file or stdin, and says what is wrong with it", async () => {
    const file = join(directory, "payload.json");
    await writeFile(file, '\uFEFF{"from":"file"}');
    const waited = ["--wait", "--json"];
    const result = async (args: string[], input = "") => {
      const { stdout } = await aspen(["job", "submit", "echo", ...args, ...waited], { env, input });
      return JSON.parse(stdout).result;
    };
    expect(await result([`@${file}`])).toEqual({ from: "file" });
    expect(await result(["-"], '"stdin"')).toBe("stdin");
    expect(await result([])).toBeNull();
    for (const [argument, problem] of [
      ["plain text", /payload is not JSON/],
      [`@${file}.none`, /payload\.json\.none cannot be used: ENOENT/],
      ["@", /name a file behind @/],
      ["-", /stdin is not JSON/],
    ] as const) {
      const refused = await aspen(["job", "submit", "echo", argument], { env, input: "{" });
      expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(problem) });
    }
    await writeFile(file, Buffer.of(0x22, 0xff, 0x22));
    expect((await aspen(["job", "submit", "echo", `@${file}`], { env })).stderr).toMatch(/it is not UTF-8/);
  });

  it("refuses what the queue does not take", async () => {
    expect(await aspen(["job", "submit", "nobody"], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error JOB_TYPE_UNKNOWN/),
    });
    const bad = [
      ["--delay", "-5s"],
      ["--delay", "5"],
      ["--attempts", "0"],
      ["--backoff", "cubic:1s"],
      ["--backoff", "fixed:1s,2s"],
      ["--priority", "11"],
      ["--depends-on", "x"],
    ];
    const refused = await Promise.all(bad.map((flags) => aspen(["job", "submit", "echo", ...flags], { env })));
    refused.forEach(({ code, stdout, stderr }, at) => {
      const shown = [bad[at], code, stdout, stderr];
      expect(shown).toEqual([bad[at], 2, "", expect.stringMatching(/^error INVALID_PARAMS/)]);
    });
  });

  it("fails with the error of the job that it waited for", async () => {
    const failed = await aspen(["job", "submit", "fails", "--wait"], { env });
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toMatch(/error JOB_EXIT_NONZERO: job [0-9a-f-]{36} is failed: it said \\u\{1b\}\[31mno\n$/);
    const id = /job ([0-9a-f-]{36}) is/.exec(failed.stderr)![1]!;
    const told = await aspen(["job", "wait", id, "--json"], { env });
    expect(told).toMatchObject({ code: 1, stdout: "" });
    expect(JSON.parse(told.stderr).error).toMatchObject({
      code: "JOB_EXIT_NONZERO",
      details: { id, status: "failed", attempts: 1 },
    });
    expect((await aspen(["job", "retry", id], { env })).stdout).toMatch(
      new RegExp(`^job ${id} \\(fails\\) is pending`),
    );
  });

  it("shows the progress of a job, or its log, until it is finished", async () => {
    const waited = await aspen(["job", "submit", "steps", "--wait"], { env });
    expect(waited).toMatchObject({ code: 0, stdout: '"all steps"\n' });
    expect(waited.stderr).toMatch(/^job [0-9a-f-]{36}\n.*running: step/s);
    const followed = await aspen(["job", "submit", "steps", "-f"], { env });
    expect(followed.stdout).toMatch(/ info {2}at 0\n.* info {2}at 50\n.* info {2}at 100\n"all steps"\n$/s);
    const id = followed.stderr.slice("job ".length).trim();
    const again = await aspen(["job", "logs", id], { env });
    expect(again.stdout.split("\n").map((line) => line.replace(/^\S+ /, ""))).toEqual([
      ...["info  at 0", "info  at 50", "info  at 100", ""],
    ]);
    const lines = (await aspen(["job", "logs", "-f", id, "--json"], { env })).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(["at 0", "at 50", "at 100"]);
  });

  it("ends at Ctrl-C, or after a time, and says how to go on; the job goes on", async () => {
    const id = await submit("endless");
    const stopped = await interrupted(["job", "wait", id], /running: on and on/);
    expect(stopped.code).toBe(5);
    expect(stopped.stderr).toMatch(new RegExp(`error CANCELLED: .*aspen job wait ${id}.*aspen job cancel ${id}`));
    const unfollowed = await interrupted(["job", "logs", "-f", id], /at 10/);
    expect(unfollowed.code).toBe(5);
    expect(unfollowed.stderr).toContain(`aspen job logs -f ${id}`);
    expect(await aspen(["job", "wait", id, "--for", "1"], { env })).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/error DEADLINE_EXCEEDED: .*aspen job wait/),
    });
    const cancelled = await aspen(["job", "cancel", id, "--reason", "enough"], { env });
    expect(cancelled).toMatchObject({ code: 0, stdout: `job ${id} is being stopped\n` });
    expect(await aspen(["job", "wait", id], { env })).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/error JOB_CANCELLED: .*enough/),
    });
  });

  it("lists with filters, page by page", async () => {
    const group = `g-${process.pid}`;
    const ids: string[] = [];
    const later = { group, delayMs: 86_400_000 };
    for (let i = 0; i < 5; i++) ids.unshift((await client.call("job.submit", { type: "echo", ...later })).id);
    const { id: other } = await client.call("job.submit", { type: "fails", ...later });
    const filter = ["job", "list", "--type", "echo", "--group", group];
    const all = await json(...filter, "--status", "scheduled");
    expect(all.jobs.map(({ id }: { id: string }) => id).sort()).toEqual([...ids].sort());
    expect(await json(...filter, "--status", "running")).toEqual({ jobs: [], cursor: null });
    expect((await json(...filter, "--submitter", "local")).jobs).toHaveLength(5);
    expect((await json(...filter, "--submitter", "plugin:none")).jobs).toEqual([]);
    const first = await json(...filter, "--limit", "2");
    const second = await json(...filter, "--limit", "4", "--after", first.cursor);
    const shown = [...first.jobs, ...second.jobs].map(({ id }) => id);
    expect([shown, second.cursor]).toEqual([ids, null]);
    const text = await aspen([...filter, "--limit", "2"], { env });
    expect(text.stdout).toMatch(/^ID +TYPE +STATUS +ATTEMPT +SUBMITTED +PROGRESS +GROUP\n/);
    expect(text.stderr).toMatch(/^more: --after /);
    const whole = await aspen(["job", "list", "--group", group, "--all"], { env });
    expect(whole.stdout.match(/ID +TYPE/g)).toHaveLength(1);
    expect([...whole.stdout.matchAll(/^[0-9a-f-]{36}/gm)].map(String)).toEqual([other, ...ids]);
    for (const wrong of [
      ["--all", "--limit", "2"],
      ["--status", "gone"],
      ["--limit", "0"],
    ]) {
      expect(await aspen([...filter, ...wrong], { env })).toMatchObject({ code: 2, stdout: "" });
    }
  });

  it("counts jobs, and lists the workers", async () => {
    const { id } = await client.call("job.submit", { type: "echo" });
    await client.call("job.wait", { id });
    const { byStatus, byType } = await json("job", "stats");
    expect(byStatus.completed).toBeGreaterThan(0);
    expect(Object.keys(byType).sort()).toEqual(Object.keys(JOBS).sort());
    expect((await aspen(["job", "stats"], { env })).stdout).toMatch(/STATUS +JOBS\n.*completed +\d+\n.*TYPE +WAITING/s);
    expect((await aspen(["worker", "list"], { env })).stdout).toMatch(/^NAME +RUNNING +SEEN +TYPES\nw .*echo fails/);
  });

  it("says that a node keeps no jobs", async () => {
    const other = await startNode(["--data-dir", join(directory, "other")]);
    const refused = await aspen(["job", "list", "--node", other.url]);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/^error METHOD_NOT_FOUND: .*start one with --jobs/);
    await other.stop("SIGTERM");
  });
});

describe("aspen job dead", () => {
  it("lists, shows, redrives and purges dead letters", async () => {
    const flags = ["--attempts", "2", "--backoff", "fixed:0s"];
    const id = await submit("fails", ...flags);
    expect(await aspen(["job", "wait", id], { env })).toMatchObject({ code: 1 });
    expect((await json("job", "dead", "list", "--type", "fails")).jobs).toMatchObject([{ id }]);
    expect(await json("job", "dead", "get", id)).toMatchObject({ id, error: { code: "JOB_EXIT_NONZERO" } });
    expect((await aspen(["job", "dead", "redrive", id], { env })).stdout).toBe("redriven 1 job\n");
    expect(await aspen(["job", "wait", id], { env })).toMatchObject({ code: 1 });
    for (const wrong of [[], [id, "--all"], ["--type", "fails", "--all"]]) {
      expect(await aspen(["job", "dead", "purge", ...wrong], { env })).toMatchObject({ code: 2, stdout: "" });
    }
    expect(await json("job", "dead", "purge", "--type", "fails")).toEqual({ purged: 1 });
    expect(await json("job", "dead", "list", "--type", "fails", "--all")).toEqual({ jobs: [], cursor: null });
  });
});

describe("aspen job schedule", () => {
  it("creates, shows, changes, triggers, pauses, resumes and removes a schedule", async () => {
    const when = ["--cron", "30 2 * * *", "--time-zone", "Europe/Berlin", "--catch-up", "skip", "--jitter", "10s"];
    const create = ["job", "schedule", "create", "nightly", "echo", '{"n":1}'];
    const made = await aspen([...create, ...when, "--attempts", "3"], { env });
    expect(made.stdout).toMatch(/^nightly \(active\): echo 30 2 \* \* \* Europe\/Berlin, next at \d{4}-.*Z\n$/);
    expect(await aspen([...create, ...when], { env })).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/^error SCHEDULE_EXISTS/),
    });
    expect(await json("job", "schedule", "get", "nightly")).toMatchObject({
      ...{ status: "active", cron: "30 2 * * *", catchUp: "skip", jitterMs: 10_000 },
      job: { type: "echo", payload: { n: 1 }, attempts: 3 },
    });
    const id = (await aspen(["job", "schedule", "trigger", "nightly"], { env })).stdout.trim();
    expect(await aspen(["job", "wait", id], { env })).toMatchObject({ code: 0 });
    const changes = ["--every", "1h", "--catch-up", "one", "--payload", "2"];
    expect((await aspen(["job", "schedule", "update", "nightly", ...changes], { env })).stdout).toMatch(
      /^nightly \(active\): echo every 3600000 ms, next at/,
    );
    expect(await json("job", "schedule", "get", "nightly")).toMatchObject({
      ...{ everyMs: 3_600_000, catchUp: "one", last: { jobId: id } },
      job: { payload: 2, attempts: 3 },
    });
    expect((await aspen(["job", "schedule", "pause", "nightly"], { env })).stdout).toMatch(/^nightly \(paused\)/);
    expect((await aspen(["job", "schedule", "list"], { env })).stdout).toMatch(
      new RegExp(`^NAME +STATUS +WHEN +TYPE +NEXT +LAST +LAST JOB\nnightly +paused .*${id}\n$`),
    );
    expect((await aspen(["job", "schedule", "resume", "nightly"], { env })).stdout).toMatch(/^nightly \(active\)/);
    expect(await aspen(["job", "schedule", "remove", "nightly"], { env })).toMatchObject({ stdout: "removed\n" });
    expect(await aspen(["job", "schedule", "get", "nightly"], { env })).toMatchObject({ code: 4 });
  });

  it("has its jobs run", async () => {
    const every = ["--every", "200ms", "--overlap", "allow"];
    expect(await aspen(["job", "schedule", "create", "often", "echo", ...every], { env })).toMatchObject({ code: 0 });
    const last = async () => (await json("job", "schedule", "get", "often")).last?.jobId;
    while (!(await last())) await delay(100);
    expect(await aspen(["job", "wait", await last()], { env })).toMatchObject({ code: 0 });
    await aspen(["job", "schedule", "remove", "often"], { env });
  });

  it("refuses what never fires", async () => {
    const bad = [
      [["--cron", "0 0 31 2 *"], "SCHEDULE_INVALID"],
      [["--cron", "0 0 0 1 1 * 2030"], "SCHEDULE_INVALID"],
      [["--cron", "0 0 * * *", "--time-zone", "Mars/Olympus"], "SCHEDULE_INVALID"],
      [["--cron", "0 0 * * *", "--every", "1h"], "INVALID_PARAMS"],
      [["--every", "1h", "--start-at", "tomorrow"], "INVALID_PARAMS"],
      [["--every", "1h", "--end-at", "2020-01-01T00:00:00Z"], "INVALID_PARAMS"],
      [[], "INVALID_PARAMS"],
    ] as const;
    const create = ["job", "schedule", "create", "bad", "echo"];
    const refused = await Promise.all(bad.map(([flags]) => aspen([...create, ...flags], { env })));
    refused.forEach(({ code, stderr }, at) => {
      const [flags, expected] = bad[at]!;
      expect([flags, code, stderr]).toEqual([flags, 2, expect.stringMatching(`^error ${expected}: `)]);
    });
    expect(await aspen(["job", "schedule", "get", "bad"], { env })).toMatchObject({ code: 4 });
  });
});
