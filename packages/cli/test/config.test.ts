import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aspen, startNode } from "./support.js";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-config-test-"));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

interface Printed {
  file: string | null;
  settings: { field: string; value: unknown; source: string; at?: string }[];
}

const write = (name: string, text: string) => writeFile(join(directory, name), text);

async function print(args: readonly string[] = [], env: Record<string, string> = {}) {
  const ran = await aspen(["config", "print", "--json", ...args], { cwd: directory, env });
  expect(ran).toMatchObject({ code: 0, stderr: "" });
  const { file, settings } = JSON.parse(ran.stdout) as Printed;
  return { file, of: (field: string) => settings.find((it) => it.field === field), stdout: ran.stdout };
}

async function refused(args: readonly string[] = [], env: Record<string, string> = {}) {
  const ran = await aspen(["config", "print", ...args], { cwd: directory, env });
  expect(ran).toMatchObject({ code: 2, stdout: "" });
  return ran.stderr;
}

describe("aspen config print", () => {
  it("shows defaults where nothing else is said", async () => {
    const { file, of } = await print();
    expect(file).toBeNull();
    expect(of("listen.port")).toEqual({ field: "listen.port", value: 7070, source: "default" });
    expect(of("dataDir")).toEqual({ field: "dataDir", value: ".aspen", source: "default" });
    expect(of("features.kv")).toEqual({ field: "features.kv", value: true, source: "default" });
    expect(of("features.jobs")).toMatchObject({ value: false });
    expect(of("features.cluster.hops")).toMatchObject({ value: 3, source: "default" });
    const text = await aspen(["config", "print"], { cwd: directory });
    expect(text.stdout).toMatch(/^FIELD +VALUE +FROM\n/);
    expect(text.stdout).toMatch(/^listen\.host +127\.0\.0\.1 +default$/m);
  });

  it("puts flags above the environment above the file", async () => {
    await write(
      "aspen.config.yaml",
      "dataDir: from-file\nlogLevel: warn\nlisten:\n  # why\n  port: 7001\nlimits: { drainMs: 5 }\nfeatures:\n  cluster:\n    hops: 2\n",
    );
    const path = join(directory, "aspen.config.yaml");
    const at = (line: number) => ({ source: "file", at: `${path}:${line}` });
    const byFile = await print();
    expect(byFile.file).toBe(path);
    expect(byFile.of("dataDir")).toMatchObject({ value: "from-file", ...at(1) });
    expect(byFile.of("listen.port")).toMatchObject({ value: 7001, ...at(5) });
    expect(byFile.of("listen.host")).toMatchObject({ value: "127.0.0.1", source: "default" });
    expect(byFile.of("limits.drainMs")).toMatchObject({ value: 5, ...at(6) });
    expect(byFile.of("features.cluster.hops")).toMatchObject({ value: 2, ...at(9) });
    const env = { ASPEN_LISTEN: "127.0.0.1:7002", ASPEN_LOG_LEVEL: "error", ASPEN_REDIS_URL: "redis://h" };
    const byVariable = await print([], env);
    expect(byVariable.of("listen.port")).toMatchObject({ value: 7002, source: "environment", at: "ASPEN_LISTEN" });
    expect(byVariable.of("redisUrl")).toMatchObject({ value: "redis://h", at: "ASPEN_REDIS_URL" });
    // Who names a store wants no other.
    expect(byVariable.of("dataDir")).toBeUndefined();
    const byFlag = await print(["--listen", "7003", "--redis", "redis://other", "--jobs"], env);
    expect(byFlag.of("listen.port")).toMatchObject({ value: 7003, source: "flag", at: "--listen" });
    expect(byFlag.of("redisUrl")).toMatchObject({ value: "redis://other", at: "--redis" });
    expect(byFlag.of("features.jobs")).toMatchObject({ value: true, at: "--jobs" });
    expect(byFlag.of("logLevel")).toMatchObject({ value: "error", at: "ASPEN_LOG_LEVEL" });
  });

  it("keeps how a feature is set in the file when a flag turns it on", async () => {
    await write("aspen.config.json", '\uFEFF{\n"features": {\n"jobs": {\n"pollMs": 77 } } }');
    const { of } = await print(["--jobs"]);
    expect(of("features.jobs.pollMs")).toMatchObject({ value: 77, at: `${join(directory, "aspen.config.json")}:4` });
  });

  it("takes a module that exports an object, or a function", async () => {
    await write(
      "aspen.config.mjs",
      "export default async () => ({ listen: { port: 7009 } });\nsetInterval(() => {}, 1e6);",
    );
    expect((await print()).of("listen.port")).toMatchObject({ value: 7009, at: join(directory, "aspen.config.mjs") });
    await write("other.mjs", "export default { logLevel: 'debug', features: { kv: true } };");
    expect((await print(["--config", "other.mjs"])).of("logLevel")).toMatchObject({ value: "debug" });
    expect((await print([], { ASPEN_CONFIG: "other.mjs" })).of("logLevel")).toMatchObject({ value: "debug" });
  });

  it("masks what may be a secret", async () => {
    const plugins = [{ folder: "/p", config: { dsn: "postgres://u:hunter2@h/d?api_key=hunter2", token: "hunter2" } }];
    await write(
      "aspen.config.json",
      JSON.stringify({ redisUrl: "redis+sentinel://u:hunter2@h:1/main?sentinelPassword=hunter2", features: {} }),
    );
    const { of, stdout } = await print();
    expect(of("redisUrl")!.value).toBe("redis+sentinel://***@h:1/main?sentinelPassword=***");
    expect(stdout).not.toContain("hunter2");
    await write("aspen.config.json", JSON.stringify({ features: { "plugins-native": { plugins } } }));
    const failed = await aspen(["config", "print", "--json"], { cwd: directory });
    // There is no such plugin: how it is told does not matter here.
    expect(failed.stdout + failed.stderr).not.toContain("hunter2");
  });

  it("names file, line and field of what is wrong", async () => {
    await write("aspen.config.yaml", "listen:\n  port: many\nlimits:\n  drainMs: -1\nlogLevl: info\n");
    const path = join(directory, "aspen.config.yaml");
    const told = await refused();
    expect(told).toContain(`${path}:2: listen.port: `);
    expect(told).toContain(`${path}:4: limits.drainMs: `);
    expect(told).toContain(`${path}:5: logLevl: is not known; did you mean logLevel?`);
    const node = await aspen(["node", "start"], { cwd: directory });
    expect(node).toMatchObject({ code: 2, stdout: "" });
    expect(node.stderr).toContain(`${path}:2: listen.port: `);
    const json = await aspen(["config", "print", "--json"], { cwd: directory });
    expect(JSON.parse(json.stderr).error.details.problems[0]).toMatchObject({
      field: "listen.port",
      source: `${path}:2`,
    });
  });

  // Each alias stands for ten of the one before: a billion in all.
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x,x]", ..."bcdefghi"].map((name, at) =>
    at === 0 ? name : `${name}: &${name} [${`*${"abcdefgh"[at - 1]},`.repeat(10)}]`,
  );

  it.each([
    ["a comma at the end", "aspen.config.json", '{\n  "listen": {},\n}', ":3 cannot be used"],
    ["a comment", "aspen.config.json", "// no\n{}", ":1 cannot be used"],
    ["a list", "aspen.config.json", "[1]", "an object of settings"],
    ["YAML that is cut off", "aspen.config.yaml", "a: 1\nb: [", ":2 cannot be used"],
    ["a field twice", "aspen.config.yaml", "a: 1\na: 2", ":2 cannot be used"],
    ["aliases of aliases", "aspen.config.yaml", bomb.join("\n"), "alias"],
    ["nothing but brackets", "aspen.config.yaml", "[".repeat(500_000), "cannot be used"],
    ["a large file", "aspen.config.json", " ".repeat(1024 * 1024 + 1), "over 1048576 bytes"],
    ["a module that throws", "aspen.config.mjs", "throw new Error('mine')", "mine"],
    ["a module without a default", "aspen.config.mjs", "export const a = 1", "an object of settings"],
    ["a module of a number", "aspen.config.mjs", "export default 7", "an object of settings"],
    ["a prototype", "aspen.config.json", '{"__proto__": {"logLevel": "debug"}}', "__proto__: is not known"],
  ])("refuses %s", async (_what, name, text, problem) => {
    await write(name, text);
    expect(await refused()).toMatch(new RegExp(`^error CONFIG_INVALID: .*${problem}`));
  });

  it("refuses files that cannot be read, and more than one", async () => {
    expect(await refused(["--config", "none.yaml"])).toMatch(/CONFIG_INVALID: .*none\.yaml.*ENOENT/);
    expect(await refused(["--config", directory])).toMatch(/must end in \.json/);
    await write("aspen.config.ini", "");
    expect(await refused(["--config", "aspen.config.ini"])).toMatch(/must end in \.json/);
    expect(spawnSync("mkfifo", [join(directory, "pipe.yaml")]).status).toBe(0);
    expect(await refused(["--config", "pipe.yaml"])).toMatch(/no regular file/);
    await write("aspen.config.json", "{}");
    await write("aspen.config.yaml", "");
    expect(await refused()).toMatch(/more than one configuration file \(aspen\.config\.json, aspen\.config\.yaml\)/);
    expect((await print(["--config", "aspen.config.yaml"])).file).toBe(join(directory, "aspen.config.yaml"));
  });

  it("gives a module up that does not end", async () => {
    await write("aspen.config.mjs", "setInterval(() => {}, 1e6);\nexport default () => new Promise(() => {});");
    const [never, busy] = await Promise.all([
      refused(),
      (async () => {
        await write("busy.mjs", "for (;;);");
        return aspen(["config", "print", "--config", "busy.mjs"], { cwd: directory });
      })(),
    ]);
    expect(never).toMatch(/^error CONFIG_INVALID: .*aspen\.config\.mjs did not end within 10000 ms/);
    // Nothing but its end ends it.
    expect(busy).toMatchObject({ code: null, stdout: "" });
    expect(busy.stderr).toMatch(/^error CONFIG_INVALID: .*busy\.mjs did not end within 10000 ms/);
  });
});

describe("a configuration file", () => {
  it("configures a node, and the commands that open a store without one", async () => {
    await write("aspen.config.yaml", "dataDir: data\nlisten: { port: 0 }\nlogLevel: warn\nfeatures: { jobs: true }\n");
    const node = await startNode(["--config", "aspen.config.yaml"], { cwd: directory });
    const env = { ASPEN_NODE: node.url };
    try {
      const info = await aspen(["rpc", "call", "node.info", "--json"], { env });
      expect(JSON.parse(info.stdout).features).toMatchObject({ jobs: true });
      expect(await aspen(["kv", "put", "a", "b"], { env, cwd: directory })).toMatchObject({ code: 0 });
    } finally {
      await node.stop("SIGTERM");
    }
    const stats = await aspen(["store", "stats", "--json"], { cwd: directory });
    expect(stats).toMatchObject({ code: 0 });
    expect(JSON.parse(stats.stdout)).toMatchObject({ driver: "embedded" });
    const named = await aspen(["store", "stats", "--data-dir", join(directory, "none")], { cwd: directory });
    expect(named).toMatchObject({ code: 2, stderr: expect.stringContaining("holds no store") });
    const variable = await aspen(["store", "stats"], { env: { ASPEN_DATA_DIR: join(directory, "data") } });
    expect(variable).toMatchObject({ code: 0 });
    await write("aspen.config.yaml", "\ndataDir: 7");
    expect(await aspen(["store", "stats"], { cwd: directory })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("aspen.config.yaml:2 cannot be used: dataDir must be text"),
    });
  });

  it("does not matter to commands that talk to a node", async () => {
    await write("aspen.config.json", "broken");
    const away = await aspen(["kv", "get", "a"], { cwd: directory, env: { ASPEN_NODE: "http://127.0.0.1:1" } });
    expect(away).toMatchObject({ code: 7, stderr: expect.stringContaining("NODE_UNREACHABLE") });
  });
});
