import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisServer } from "@aspen/storage/testing";
import { Redis } from "ioredis";
import { examine } from "../src/doctor/doctor.js";
import type { Finding } from "../src/doctor/finding.js";
import type { DoctorOptions } from "../src/doctor/options.js";
import { parseNodeAddress } from "../src/node-address.js";
import { nodeClient } from "../src/node-client.js";
import { aspen, BIN, startNode } from "./support.js";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-doctor-test-"));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const NOWHERE = "http://127.0.0.1:1/";

/** What the library finds; nothing is running, and nobody said that something should be. */
function find(more: Partial<DoctorOptions>): Promise<Finding[]> {
  const node = { client: nodeClient(parseNodeAddress(NOWHERE), { timeoutMs: 5000 }), url: NOWHERE, named: false };
  return examine({ settings: { config: { dataDir: join(directory, "data") } }, node, ...more });
}

const of = (findings: readonly Finding[], check: string) => findings.filter((finding) => finding.check === check);
const problems = (findings: readonly Finding[]) => findings.filter(({ state }) => state === "problem");

/** What the command finds. */
async function doctor(args: readonly string[], env: Record<string, string> = {}) {
  const ran = await aspen(["doctor", "--json", ...args], { cwd: directory, env });
  expect(ran.stderr).toBe("");
  const { ok, findings } = JSON.parse(ran.stdout) as { ok: boolean; findings: Finding[] };
  expect(ran.code).toBe(ok ? 0 : 1);
  for (const { state, fix } of findings) expect(fix === undefined).toBe(state === "ok");
  return findings;
}

/** The command in mounts of its own, where this machine lets one make them; null elsewhere. */
function withMounts(script: string, args: readonly string[]): Finding[] | null {
  const probe = spawnSync("unshare", ["-m", "sh", "-c", `mount -t tmpfs tmpfs "$1"`, "sh", directory]);
  if (probe.status !== 0) return null;
  const command = [process.execPath, BIN, "doctor", "--json", ...args];
  const ran = spawnSync("unshare", ["-m", "sh", "-ec", `${script}\nshift\nexec "$@"`, "sh", directory, ...command]);
  expect(ran.status).toBe(1);
  return (JSON.parse(String(ran.stdout)) as { findings: Finding[] }).findings;
}

describe("aspen doctor", () => {
  it("finds nothing wrong with a healthy node, and ends with 0", async () => {
    const node = await startNode(["--data-dir", join(directory, "data")]);
    try {
      const findings = await doctor(["--data-dir", join(directory, "data"), "--node", node.url]);
      expect(problems(findings)).toEqual([]);
      expect(of(findings, "data-dir").map(({ message }) => message)).toContainEqual(
        expect.stringMatching(`^the process ${node.pid} on .* has the store open`),
      );
      expect(of(findings, "node")[0]).toMatchObject({ state: "ok", message: expect.stringContaining(node.url) });
      expect(of(findings, "plugins")[0]).toMatchObject({ state: "ok" });
      const checks = new Set(findings.map(({ check }) => check));
      for (const check of ["node.js", "configuration", "clock", "disk", "tools"]) expect(checks).toContain(check);
    } finally {
      await node.stop("SIGTERM");
    }
    const text = await aspen(["doctor", "--data-dir", join(directory, "data"), "--node", node.url], { cwd: directory });
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/^problem +node +no node answers at .*\n +fix: start it/m);
    expect(text.stdout).toMatch(/no process has the store open/);
  });

  it("tells a node that is not running from one that somebody named", async () => {
    await writeFile(join(directory, "aspen.config.json"), JSON.stringify({ listen: { port: 1 } }));
    const expected = { check: "node", message: expect.stringContaining("http://127.0.0.1:1/") };
    expect(of(await doctor([]), "node")).toMatchObject([{ ...expected, state: "warning" }]);
    expect(of(await doctor([], { ASPEN_NODE: NOWHERE }), "node")).toMatchObject([{ ...expected, state: "problem" }]);
  });

  it("names what is wrong with the configuration, and goes on", async () => {
    await writeFile(join(directory, "aspen.config.yaml"), "logLevel: loud");
    const findings = await doctor([]);
    expect(of(findings, "configuration")).toMatchObject([
      { state: "problem", message: expect.stringContaining("logLevel") },
    ]);
    expect(of(findings, "node.js")).toMatchObject([{ state: "ok" }]);
    await writeFile(join(directory, "aspen.config.yaml"), "logLevel: [");
    expect(of(await doctor([]), "configuration")).toMatchObject([
      { state: "problem", message: expect.stringContaining("aspen.config.yaml:1") },
    ]);
  });

  it("names a Node.js that is too old", async () => {
    const findings = await find({ nodeVersion: "18.20.4" });
    expect(of(findings, "node.js")).toMatchObject([
      { state: "problem", message: expect.stringMatching(/18\.20\.4 is too old; >=20/), fix: expect.any(String) },
    ]);
    expect(problems(await find({}))).toEqual([]);
  });

  it("names a clock that was never set", async () => {
    const findings = await find({ clock: { now: () => 86_400_000 } });
    expect(of(findings, "clock")).toMatchObject([{ state: "problem", message: expect.stringContaining("1970-01-02") }]);
  });

  it("names a missing program, and how to get it", async () => {
    const features = { jobs: true, "shell-worker": true };
    await writeFile(join(directory, "aspen.config.json"), JSON.stringify({ features }));
    const findings = await doctor([], { PATH: directory });
    expect(of(findings, "tools")).toMatchObject([
      { state: "problem", message: expect.stringMatching(/bwrap .*is not there, which shell-worker needs/) },
      { state: "problem", fix: expect.stringMatching(/apt-get install .*; or set features\.shell-worker to false/) },
    ]);
  });

  it("names a plugin that does not run", async () => {
    const failed = {
      ...{ name: "mine", version: "1.0.0", state: "failed", enabled: true },
      error: { code: "PLUGIN_TRAP", message: "it trapped" },
    };
    const answers: Record<string, unknown> = {
      "node.info": { pid: 1, nodeVersion: "v20.20.0", store: "s", safeMode: false, features: { plugins: true } },
      "plugin.list": { safeMode: false, plugins: [failed], unreadable: [{ name: "other", message: "no JSON" }] },
    };
    const client = { call: async (method: string) => answers[method] } as unknown as DoctorOptions["node"]["client"];
    const findings = await find({ node: { client, url: NOWHERE, named: true } });
    expect(of(findings, "plugins")).toMatchObject([
      { state: "problem", message: expect.stringContaining("PLUGIN_TRAP"), fix: expect.stringContaining("logs mine") },
      { state: "problem", message: expect.stringContaining("no JSON"), fix: expect.stringContaining("remove other") },
    ]);
  });

  it("gives a check up that hangs", async () => {
    const findings = await find({ checkMs: 200, freeSpace: () => new Promise(() => undefined) });
    expect(of(findings, "store")).toMatchObject([{ state: "problem", message: expect.stringContaining("200 ms") }]);
  });
});

describe("the data directory", () => {
  it("must not be a file, nor below one", async () => {
    await writeFile(join(directory, "file"), "");
    for (const path of ["file", "file/data"]) {
      expect(of(await doctor(["--data-dir", join(directory, path)]), "data-dir")).toMatchObject([
        { state: "problem", message: expect.stringMatching(/file is a file, where the store needs a directory/) },
      ]);
    }
  });

  it("is told when others can read it", async () => {
    await mkdir(join(directory, "data"));
    await chmod(join(directory, "data"), 0o755);
    const told = of(await doctor(["--data-dir", join(directory, "data")]), "data-dir");
    expect(told).toContainEqual(
      expect.objectContaining({ state: "warning", message: expect.stringMatching(/mode 755/) }),
    );
  });

  it("must be writable", async () => {
    await mkdir(join(directory, "data"));
    const data = join(directory, "data");
    const mounted = withMounts('mount --bind "$1/data" "$1/data"; mount -o remount,bind,ro "$1/data"', [
      "--data-dir",
      data,
    ]);
    if (mounted) {
      expect(of(mounted, "data-dir")).toMatchObject([
        { state: "problem", message: expect.stringContaining("EROFS"), fix: expect.stringContaining("remount,rw") },
      ]);
    }
    // Nobody can make a file there, whoever runs the test.
    const told = of(await doctor(["--data-dir", "/proc/aspen/data"]), "data-dir");
    expect(told).toMatchObject([{ state: "problem", message: expect.stringMatching(/\/proc cannot be written/) }]);
  });

  it("needs room", async () => {
    await mkdir(join(directory, "data"));
    const data = join(directory, "data");
    const full = 'mount -t tmpfs -o size=64k tmpfs "$1/data"; dd if=/dev/zero of="$1/data/fill" bs=1k 2>&1 | true';
    const mounted = withMounts(full, ["--data-dir", data]);
    if (mounted) {
      expect(of(mounted, "disk")).toMatchObject([{ state: "problem", message: expect.stringMatching(/full/) }]);
      expect(of(mounted, "data-dir")[0]).toMatchObject({ state: "problem", message: expect.stringMatching(/ENOSPC/) });
    }
    const GiB = 1024 ** 3;
    const space = { freeBytes: GiB, totalBytes: 2 * GiB, freeFiles: 1e6 };
    const disk = async (more: Partial<typeof space>) =>
      of(await find({ freeSpace: async () => ({ ...space, ...more }) }), "disk");
    expect(await disk({})).toMatchObject([{ state: "ok" }]);
    expect(await disk({ freeBytes: 1000 })).toMatchObject([
      { state: "problem", message: expect.stringMatching(/1000 bytes of 2/) },
    ]);
    expect(await disk({ freeFiles: 3 })).toMatchObject([
      { state: "problem", message: expect.stringMatching(/only 3 more/) },
    ]);
    expect(await disk({ totalBytes: 100 * GiB })).toMatchObject([{ state: "warning" }]);
  });
});

describe("Redis", () => {
  it("is looked at as a node will use it", async () => {
    await using redis = await RedisServer.start();
    const findings = await doctor(["--redis", redis.url]);
    expect(problems(findings)).toEqual([]);
    expect(of(findings, "redis").map(({ message }) => message)).toEqual([
      expect.stringContaining(`${redis.url} answers`),
      expect.stringMatching(/has version \d/),
      expect.stringMatching(/keeps an append-only file, and evicts nothing/),
    ]);
    expect(of(findings, "clock")).toHaveLength(2);
  });

  it("is told by what it would lose", async () => {
    await using redis = await RedisServer.start(["--appendonly", "no"]);
    const without = of(await doctor(["--redis", redis.url]), "redis").filter(({ state }) => state === "problem");
    expect(without).toMatchObject([
      { message: expect.stringMatching(/append-only/), fix: expect.stringMatching(/CONFIG SET appendonly yes/) },
    ]);
    await using evicting = await RedisServer.start(["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    const lost = of(await doctor(["--redis", evicting.url]), "redis").filter(({ state }) => state === "problem");
    expect(lost).toMatchObject([
      { message: expect.stringMatching(/allkeys-lru/), fix: expect.stringMatching(/maxmemory-policy noeviction/) },
    ]);
  });

  it("is told when it cannot write its disk", async () => {
    await using redis = await RedisServer.start(["--enable-protected-configs", "yes"]);
    const client = new Redis(redis.url);
    try {
      await client.config("SET", "dir", directory);
      // A folder where the snapshot is to be.
      await mkdir(join(directory, "dump.rdb"));
      await client.bgsave();
      for (;;) {
        const info = await client.info("persistence");
        if (/rdb_last_bgsave_status:err/.test(info)) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      client.disconnect();
    }
    const told = of(await doctor(["--redis", redis.url]), "redis");
    expect(told).toContainEqual(
      expect.objectContaining({ state: "problem", message: expect.stringMatching(/snapshot failed/) }),
    );
  });

  it("is told when its clock differs", async () => {
    await using redis = await RedisServer.start();
    const settings = { config: { redisUrl: redis.url } };
    const clock = async (skew: number) =>
      of(await find({ settings, clock: { now: () => Date.now() + skew } }), "clock").at(-1);
    expect(await clock(60_000)).toMatchObject({ state: "problem", message: expect.stringMatching(/ behind that of/) });
    expect(await clock(-60_000)).toMatchObject({ state: "problem", fix: expect.stringMatching(/NTP/) });
  });

  it("is told when it is away, without its password", async () => {
    const told = await doctor(["--redis", "redis://u:hunter2@127.0.0.1:1"]);
    expect(of(told, "redis")).toMatchObject([{ state: "problem", message: expect.stringMatching(/127\.0\.0\.1:1/) }]);
    expect(JSON.stringify(told)).not.toContain("hunter2");
  });
});
