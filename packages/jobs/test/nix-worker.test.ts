import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { create } from "tar";
import { JOB_LIMITS, NixWorker, type NixWorkerOptions } from "../src/index.js";
import { poolOf, silent, until } from "./helpers.js";

let directory: string;
let sandboxPaths: string[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-nix-test-"));
  await chmod(directory, 0o755);
  sandboxPaths = await shell();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The system's shell, `sleep`, and the libraries that they need. */
async function shell(): Promise<string[]> {
  const sh = await realpath("/bin/sh");
  const sleep = execFileSync("which", ["sleep"], { encoding: "utf8" }).trim();
  const needed = execFileSync("ldd", [sh, sleep], { encoding: "utf8" }).match(/\/\S+(?= \(0x)/g) ?? [];
  return [`/bin/sh=${sh}`, `/bin/sleep=${await realpath(sleep)}`, ...new Set(needed)];
}

function nixPool(options: Partial<NixWorkerOptions> = {}, pool: Parameters<typeof poolOf>[1] = {}) {
  return poolOf([new NixWorker({ directory, sandboxPaths, ...options })], pool);
}

/** This machine, as nix calls it. */
const SYSTEM = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux`;

let names = 0;
/** An expression whose builder runs a script. Its name is new, so that nothing is built already. */
const build = (script: string, outputs = '[ "out" ]') => `derivation {
  name = "t${names++}"; system = builtins.currentSystem; outputs = ${outputs};
  builder = "/bin/sh"; args = [ "-c" ${JSON.stringify(script).replaceAll("$", "\\$")} ]; }`;

const submit = (payload: object, more: object = {}) => ({ type: "nix", payload, timeoutMs: 60_000, ...more });

/** Processes of this machine whose command line has this text. */
async function running(text: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(text));
}

test("an expression is built: paths, sizes, the NAR as a blob, the log with the job", async () => {
  await using it = await nixPool();
  const expression = build("echo hello from the build; echo 12345 > $out");
  const { id } = await it.queue.submit(submit({ expression, nar: true }));
  const job = await it.queue.wait(id);
  expect(job).toMatchObject({ status: "completed" });
  const { drvPath, outputs } = job.result as {
    drvPath: string;
    outputs: { path: string; nar: string; narSize: number }[];
  };
  expect(drvPath).toMatch(/^\/nix\/store\/.*\.drv$/);
  expect(outputs).toMatchObject([{ name: "out", path: expect.stringMatching(/^\/nix\/store\//) as unknown }]);
  const nar = await it.store.blobs.read(outputs[0]!.nar, 10_000);
  expect(nar.length).toBe(outputs[0]!.narSize);
  expect(Buffer.from(nar).toString()).toContain("nix-archive-1");
  expect(Buffer.from(nar).toString()).toContain("12345");
  const messages = (await it.queue.logs(id)).lines.map(({ message }) => message);
  expect(messages).toContain("hello from the build");
});

test("an attribute of a flake given as files, and one of a folder that is allowed", async () => {
  const sources = join(directory, "sources");
  await mkdir(sources, { recursive: true });
  await using it = await nixPool({ sources: [sources] });
  const flake = (text: string) => `{ outputs = { self }: { packages.${SYSTEM}.it = derivation {
    name = "f"; system = "${SYSTEM}"; builder = "/bin/sh"; args = [ "-c" "read -r t < \${./${text}}; echo $t > $out" ]; }; }; }`;
  const files = { "flake.nix": flake("sub/text"), "sub/text": "from a file\n" };
  const attribute = `packages.${SYSTEM}.it`;
  const one = await it.queue.submit(submit({ flake: files, attribute, nar: true }));
  const done = await it.queue.wait(one.id);
  const nar = (done.result as { outputs: { nar: string }[] }).outputs[0]!.nar;
  expect(Buffer.from(await it.store.blobs.read(nar, 10_000)).toString()).toContain("from a file");

  const folder = join(sources, "one");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "flake.nix"), flake("text"));
  await writeFile(join(folder, "text"), "of a folder\n");
  const two = await it.queue.submit(submit({ source: folder, attribute }));
  expect(await it.queue.wait(two.id)).toMatchObject({ status: "completed" });
  for (const path of ["/etc", `${sources}/../`, `${sources}/absent`]) {
    const refused = await it.queue.submit(submit({ source: path }, { attempts: 3 }));
    expect(await it.queue.wait(refused.id)).toMatchObject({ attempts: 1, error: { code: "PERMISSION_DENIED" } });
  }
});

test("an attribute of a flake in an archive, and archives that are refused", async () => {
  await using it = await nixPool();
  const attribute = `packages.${SYSTEM}.it`;
  const flake = `{ outputs = { self }: { packages.${SYSTEM}.it = derivation { name = "archived";
    system = "${SYSTEM}"; builder = "/bin/sh"; args = [ "-c" "read -r t < \${./text}; echo $t > $out" ]; }; }; }`;
  const folder = join(directory, "packed", "project");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "flake.nix"), flake);
  await writeFile(join(folder, "text"), "of an archive\n");
  const packed = create({ cwd: join(directory, "packed"), gzip: true }, ["project"]);
  const blob = await it.store.blobs.put(packed as AsyncIterable<Uint8Array>);
  const good = await it.queue.submit(submit({ source: { blob, stripComponents: 1 }, attribute, nar: true }));
  const done = await it.queue.wait(good.id);
  expect(done).toMatchObject({ status: "completed" });
  const nar = (done.result as { outputs: { nar: string }[] }).outputs[0]!.nar;
  expect(Buffer.from(await it.store.blobs.read(nar, 10_000)).toString()).toContain("of an archive");

  const out = create({ cwd: folder, preservePaths: true, gzip: true }, ["../project/text"]);
  const leaving = await it.store.blobs.put(out as AsyncIterable<Uint8Array>);
  const bad = await it.queue.submit(submit({ source: { blob: leaving }, attribute }));
  expect(await it.queue.wait(bad.id)).toMatchObject({ status: "failed", error: { code: "JOB_ARCHIVE_INVALID" } });
  const absent = await it.queue.submit(submit({ source: { blob: "0".repeat(64) }, attribute }));
  expect(await it.queue.wait(absent.id)).toMatchObject({ error: { code: "BLOB_NOT_FOUND" } });
});

test("a build that fails says its status and the end of its log, and is tried again; what nix refuses is not", async () => {
  await using it = await nixPool();
  const failing = build("echo line one; echo line two >&2; exit 3");
  const again = { attempts: 2, backoff: { type: "fixed" as const, delayMs: 0 } };
  const { id } = await it.queue.submit(submit({ expression: failing }, again));
  const job = await it.queue.wait(id);
  expect(job).toMatchObject({ status: "dead_letter", attempts: 2, error: { code: "JOB_EXIT_NONZERO" } });
  expect(job.error?.message).toContain("failed with exit code 3");
  expect(job.error?.details).toMatchObject({ tail: expect.stringContaining("line two") as unknown });
  for (const expression of ["{ a = b; }", "{ a = ", "1"]) {
    const bad = await it.queue.submit(submit({ expression }, again));
    expect(await it.queue.wait(bad.id)).toMatchObject({
      status: "failed",
      attempts: 1,
      error: { code: "JOB_EXIT_NONZERO" },
    });
  }
});

test("neither an expression nor a builder reads what is the node's, and neither has a network", async () => {
  const secret = join(directory, "secret");
  await writeFile(secret, "the node's own", { mode: 0o644 });
  await using it = await nixPool();
  for (const path of [secret, "/etc/passwd", "/root/.profile", "/dev/sda", "/proc/1/root/etc/passwd"]) {
    const { id } = await it.queue.submit(submit({ expression: `builtins.readFile "${path}"` }));
    const job = await it.queue.wait(id);
    expect(job.status).toBe("failed");
    expect(JSON.stringify(job)).not.toContain("the node's own");
    expect(job.error?.message).toMatch(/No such file|getting status|Permission denied|cannot/);
  }
  const looks = "for f in /*; do echo $f; done; while read -r line; do echo $line; done < /proc/net/dev; echo > $out";
  const { id } = await it.queue.submit(submit({ expression: build(looks) }));
  expect((await it.queue.wait(id)).status).toBe("completed");
  const text = (await it.queue.logs(id)).lines.map(({ message }) => message);
  expect(text).not.toContain("/usr");
  expect(text.filter((line) => /^\S+:\s/.test(line)).map((line) => line.split(":")[0])).toEqual(["lo"]);
  const asks = await it.queue.submit(submit({ expression: build("echo > $out"), offline: false }));
  expect(await it.queue.wait(asks.id)).toMatchObject({ error: { code: "PERMISSION_DENIED" } });
});

test("a build that sleeps is gone after its time, after a cancel, and the next one runs", async () => {
  await using it = await nixPool({}, { concurrency: 1 });
  const sleeps = (seconds: number) =>
    build(`(/bin/sleep ${seconds} &) ; trap "" TERM; echo begun; /bin/sleep ${seconds}`);
  const timed = await it.queue.submit(submit({ expression: sleeps(71_301) }, { timeoutMs: 2500 }));
  expect(await it.queue.wait(timed.id)).toMatchObject({ status: "failed", error: { code: "JOB_TIMEOUT" } });
  await until(async () => (await running("71301")).length === 0);

  const { id } = await it.queue.submit(submit({ expression: sleeps(71_302) }));
  await until(async () => (await running("sleep\x0071302")).length === 2);
  await it.queue.cancel(id);
  expect(await it.queue.wait(id)).toMatchObject({ status: "cancelled" });
  await until(async () => (await running("71302")).length === 0);
  const next = await it.queue.submit(submit({ expression: build("echo > $out") }));
  expect((await it.queue.wait(next.id)).status).toBe("completed");
});

test("kill -9 of the process of the pool leaves no builder", async () => {
  const script = new URL("./fixtures/nix-build.mjs", import.meta.url).pathname;
  const expression = build("trap '' TERM; /bin/sleep 71303");
  const child = spawn(process.execPath, [script, directory, JSON.stringify(sandboxPaths), expression], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  try {
    await until(async () => (await running("sleep\x0071303")).length === 1);
  } finally {
    child.kill("SIGKILL");
  }
  await once(child, "exit");
  await until(async () => (await running("sleep\x0071303")).length === 0);
});

test("a build that takes too much memory, and one with too many processes, fail; the next one runs", async () => {
  const warned: string[] = [];
  const logger = { ...silent, warn: (_: unknown, message: string) => void warned.push(message) };
  await using it = await nixPool({ limits: { memoryMiB: 64, processes: 32 }, logger }, { concurrency: 1 });
  if (warned.length > 0) {
    // This machine lets nobody make control groups: a job without bounds would take all of it.
    expect(warned).toEqual([expect.stringContaining("their memory is not bounded")]);
    return;
  }
  const hog = build('x=0123456789abcdef; while true; do x="$x$x"; done');
  const { id } = await it.queue.submit(submit({ expression: hog }));
  expect(await it.queue.wait(id)).toMatchObject({ error: { code: "JOB_LIMIT_EXCEEDED", details: { what: "memory" } } });
  const forks = build("i=0; while [ $i -lt 64 ]; do /bin/sleep 71304 & i=$((i+1)); done; echo > $out");
  const bomb = await it.queue.submit(submit({ expression: forks }));
  expect(await it.queue.wait(bomb.id)).toMatchObject({ error: { code: "JOB_EXIT_NONZERO" } });
  await until(async () => (await running("sleep\x0071304")).length === 0);
  const next = await it.queue.submit(submit({ expression: build("echo > $out") }));
  expect((await it.queue.wait(next.id)).status).toBe("completed");
});

test("a NAR over the job's limit, and a log without end, are bounded", async () => {
  await using it = await nixPool();
  const big = await it.queue.submit(submit({ expression: build("echo 123456789 > $out"), nar: true, maxNarBytes: 10 }));
  expect(await it.queue.wait(big.id)).toMatchObject({ status: "failed", error: { code: "PAYLOAD_TOO_LARGE" } });
  const loud = build(
    "i=0; while [ $i -lt 20000 ]; do echo a line that is written again and again $i; i=$((i+1)); done; echo > $out",
  );
  const { id } = await it.queue.submit(submit({ expression: loud }));
  expect((await it.queue.wait(id)).status).toBe("completed");
  let bytes = 0;
  for (let after: string | undefined, page = await it.queue.logs(id); ; page = await it.queue.logs(id, after)) {
    bytes += JSON.stringify(page.lines).length;
    if (page.lines.length === 0) break;
    after = page.cursor;
  }
  expect(bytes).toBeLessThan(1.5 * JOB_LIMITS.logBytes);
});

test("payloads and options that are none are refused", async () => {
  await using it = await nixPool();
  const bad = [
    {},
    { expression: "" },
    { expression: "1", attribute: "--impure" },
    { expression: "1", attribute: "a b" },
    { expression: "x".repeat(1024 * 1024 + 1) },
    { flake: {} },
    { flake: { "flake.nix": "", "../x": "" } },
    { flake: { "flake.nix": "", "/x": "" } },
    { flake: { "flake.nix": "", "a//b": "" } },
    { flake: Object.fromEntries(["flake.nix", ...Array(100).keys()].map((name) => [String(name), ""])) },
    { source: "relative" },
    { source: { blob: "../x" } },
    { source: { blob: "0".repeat(64), stripComponents: -1 } },
    { expression: "1", maxNarBytes: 0 },
    { expression: "1", sandbox: false },
  ];
  for (const payload of bad) {
    await expect(it.pool.checkPayload("nix", payload)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  }
  expect(() => new NixWorker({ directory: "relative" })).toThrow(expect.objectContaining({ code: "INVALID_PARAMS" }));
});
