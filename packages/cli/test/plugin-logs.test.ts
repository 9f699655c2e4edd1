import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisServer } from "@aspen/storage/testing";
import { aspen, BIN, type RunningNode, startNode } from "./support.js";

let directory: string;
let redis: RedisServer;
let node: RunningNode;
let other: RunningNode | undefined;
let env: { ASPEN_NODE: string };

const code = `import { definePlugin, log } from "@aspen/guest-sdk";
export default definePlugin({
  handlers: {
    "talker.say": async ({ level = "info", text, times = 1 }: { level?: "debug" | "info" | "warn"; text: string; times?: number }) => {
      for (let i = 0; i < times; i += 1) await log[level](text, { i });
    },
  },
});
`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-logs-test-"));
  redis = await RedisServer.start();
  node = await startNode(["--redis", redis.url]);
  env = { ASPEN_NODE: node.url };
  const folder = join(directory, "talker");
  await mkdir(join(folder, "src"), { recursive: true });
  const manifest = { name: "talker", version: "1.0.0", api_version: "1", handles: ["talker.*"] };
  await writeFile(join(folder, "plugin.json"), JSON.stringify(manifest));
  await writeFile(join(folder, "src/plugin.ts"), code);
  expect(await aspen(["plugin", "install", folder, "--yes"], { env })).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await other?.stop("SIGTERM");
  await node?.stop("SIGTERM");
  await redis?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const say = (params: object) => aspen(["rpc", "call", "talker.say", JSON.stringify(params)], { env });
const logs = (...args: string[]) => aspen(["plugin", "logs", "talker", ...args], { env });
const lines = (stdout: string) => stdout.trimEnd().split("\n");

describe("aspen plugin logs", () => {
  it("shows what a plugin said, and what the node says of it", async () => {
    // A level that the node itself does not log.
    await say({ text: "quiet \u001b[2J", level: "debug" });
    await say({ text: "loud", level: "warn" });
    const all = await logs();
    expect(all).toMatchObject({ code: 0, stderr: "" });
    expect(all.stdout).toMatch(/^\d{4}-\S+Z info {2}plugin changed \{"version":"1\.0\.0"\}$/m);
    expect(all.stdout).toMatch(/^\S+Z debug quiet \\u\{1b\}\[2J \{"i":0\} \(\S+\)$/m);
    const warned = lines((await logs("--level", "warn", "--json")).stdout).map((line) => JSON.parse(line));
    expect(warned).toEqual([
      {
        ...{ at: expect.any(Number), level: "warn", message: "loud", fields: { i: 0 } },
        requestId: expect.any(String),
      },
    ]);
    expect(lines((await logs("--limit", "1")).stdout)).toEqual([expect.stringContaining("loud")]);
  });

  it("says how many lines made room for others", async () => {
    for (const text of ["first", "again"]) await say({ text, times: 700 });
    const told = await logs("--limit", "1000");
    expect(lines(told.stdout)).toHaveLength(1000);
    expect(told.stderr).toMatch(/^4\d\d lines before these made room for later ones, and cannot be shown\n$/);
    const json = lines((await logs("--limit", "2", "--json")).stdout).map((line) => JSON.parse(line));
    expect(json).toEqual([{ dropped: expect.any(Number) }, expect.anything(), expect.anything()]);
  });

  it("follows until Ctrl-C, which ends it with 0", async () => {
    const child = spawn(process.execPath, [BIN, "plugin", "logs", "talker", "-f", "--limit", "1"], {
      env: { ...process.env, ...env },
    });
    const closed = once(child, "close");
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += String(chunk);
    });
    const told = async (text: string) => {
      while (!stdout.includes(text)) await once(child.stdout, "data");
    };
    await told("again");
    await say({ text: "later" });
    await told("later");
    child.kill("SIGINT");
    expect(await closed).toEqual([0, null]);
    expect(stdout.match(/later/g)).toHaveLength(1);
  });

  it("says which other nodes have logs of their own", async () => {
    other = await startNode(["--redis", redis.url]);
    for (;;) {
      const { nodes } = JSON.parse((await aspen(["cluster", "nodes", "--json"], { env })).stdout) as {
        nodes: unknown[];
      };
      if (nodes.length === 2) break;
    }
    const told = await logs("--limit", "1");
    expect(told.stderr).toContain("the log of talker on one node; 1 other node may run it, too");
    expect(told.stderr).toContain(new URL(other.url).host);
    const theirs = await aspen(["plugin", "logs", "talker"], { env: { ASPEN_NODE: other.url } });
    expect(theirs).toMatchObject({ code: 0 });
    expect(theirs.stdout).not.toContain("loud");
  });

  it("tells a plugin that is not there from one that was removed", async () => {
    expect(await aspen(["plugin", "logs", "nobody"], { env })).toMatchObject({
      ...{ code: 4, stdout: "" },
      stderr: expect.stringContaining("PLUGIN_NOT_FOUND"),
    });
    expect(await aspen(["plugin", "remove", "talker"], { env })).toMatchObject({ code: 0 });
    expect((await logs("--limit", "1")).stdout).toContain("plugin removed");
  });
});
