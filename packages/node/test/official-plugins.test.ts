import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Feature } from "@aspen/feature";
import { type BuiltPlugin, buildPlugin } from "@aspen/guest-sdk/compiler";
import { decodeUtf8 } from "@aspen/plugin-api";
import { readOfficialPlugin } from "@aspen/plugin-host";
import { PLUGIN_HOST } from "@aspen/plugin-host/feature";
import { MemoryStore } from "@aspen/storage/memory";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { type AspenNode, createNode } from "../src/index.js";
import { startNode, temporaryDirectory } from "./support.js";

const RESERVED = ["forge:"];

/** The source of the official plugin; `release` tells one build from another. */
const source = (release: string, key: string) => `import { clock, definePlugin, kv } from "@aspen/guest-sdk";
export default definePlugin({
  handlers: {
    "forge.add": async () => {
      const count = Number((await kv.get("${key}"))?.text() ?? 0) + 1;
      await kv.put("${key}", String(count));
      return { count, release: "${release}" };
    },
    "forge.now": () => clock.now(),
  },
});
`;

/** As a package of official plugins builds its own. */
class Workshop {
  readonly #folders: string[] = [];

  async build(release: string, manifest: object, official = true): Promise<BuiltPlugin & { folder: string }> {
    // Beside the other fixtures, from where the SDK is found.
    const directory = await mkdtemp(fileURLToPath(new URL("./fixtures/official-", import.meta.url)));
    this.#folders.push(directory);
    const whole = {
      ...{ name: "forge", api_version: "1", entry: { source: "plugin.ts" }, handles: ["forge.*"] },
      permissions: ["kv:read", "kv:write"],
      ...manifest,
    };
    await writeFile(join(directory, "plugin.json"), JSON.stringify(whole));
    await writeFile(join(directory, "plugin.ts"), source(release, official ? "forge:count" : "__plugin:forge:count"));
    const built = await buildPlugin({ directory, ...(official ? { official: { reservedPrefixes: RESERVED } } : {}) });
    return { ...built, folder: join(directory, "dist") };
  }

  async remove(): Promise<void> {
    await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}

/** All that a package with an official plugin binds. */
const forge = (folder: string): Feature => ({
  name: "test-forge",
  requires: ["plugins-wasm"],
  config: z.strictObject({}),
  async module() {
    const plugin = await readOfficialPlugin({ feature: "test-forge", folder, reservedPrefixes: RESERVED });
    return new ContainerModule(({ bind }) => void bind(PLUGIN_HOST.officialPlugin).toConstantValue(plugin));
  },
});

const workshop = new Workshop();
const OFFICIAL = { priority: 500, kv_prefixes: RESERVED };
/** By what their calls answer as `release`. */
let old: string;
let later: string;
let other: string;
let foreign: BuiltPlugin & { folder: string };
beforeAll(async () => {
  old = (await workshop.build("old", { version: "1.0.0", ...OFFICIAL })).folder;
  later = (await workshop.build("later", { version: "1.1.0", ...OFFICIAL })).folder;
  other = (await workshop.build("other", { version: "1.0.0", ...OFFICIAL })).folder;
  foreign = await workshop.build("foreign", { version: "9.0.0" }, false);
}, 600_000);
afterAll(() => workshop.remove());

/** A plugin starts in the background. */
async function untilReady(node: AspenNode): Promise<void> {
  while ((await statusOf(node)).state !== "ready") await delay(20);
}

const statusOf = async (node: AspenNode) => (await node.inject("plugin.info", { name: "forge" })) as { state: string };

describe("on an embedded store", () => {
  test("it is installed at the start, is updated by a later version with its data, and never goes back", async () => {
    const directory = await temporaryDirectory();
    const start = (folder: string) => startNode(directory.path, {}, { features: [forge(folder)] });
    try {
      {
        await using node = await start(old);
        expect(await statusOf(node)).toMatchObject({
          state: "ready",
          version: "1.0.0",
          priority: 500,
          official: "test-forge",
        });
        expect(await node.inject("forge.add")).toEqual({ count: 1, release: "old" });
        expect(await node.inject("kv.get", { key: "forge:count" })).toMatchObject({ value: "1" });
      }
      {
        await using node = await start(old);
        expect(await node.inject("forge.add")).toEqual({ count: 2, release: "old" });
      }
      await expect(start(other)).rejects.toMatchObject({
        code: "PLUGIN_OFFICIAL",
        message: expect.stringMatching(/same version.*raise its version/),
      });
      {
        await using node = await start(later);
        expect(await node.inject("forge.add")).toEqual({ count: 3, release: "later" });
      }
      {
        await using node = await start(old);
        await expect(node.inject("forge.add")).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
        expect(await statusOf(node)).toMatchObject({
          state: "failed",
          version: "1.1.0",
          error: { code: "PLUGIN_OFFICIAL" },
        });
      }
      await using node = await start(later);
      expect(await node.inject("forge.add")).toEqual({ count: 4, release: "later" });
    } finally {
      await directory.remove();
    }
  });

  test("somebody else's plugin of the name keeps the node from starting, until it is removed", async () => {
    const directory = await temporaryDirectory();
    const start = (safeMode = false) => startNode(directory.path, { safeMode }, { features: [forge(old)] });
    const content = { base64: await readFile(foreign.wasmPath, "base64") };
    const input = { manifest: foreign.manifest, artifacts: [{ name: "plugin.wasm", content }] };
    try {
      {
        await using node = await startNode(directory.path);
        expect(await node.inject("plugin.install", input)).toMatchObject({ state: "ready" });
        expect(await node.inject("forge.add")).toEqual({ count: 1, release: "foreign" });
      }
      await expect(start()).rejects.toMatchObject({
        code: "PLUGIN_NAME_TAKEN",
        message: expect.stringMatching(/plugins did not start.*9\.0\.0.*aspen plugin remove forge/),
        details: { name: "forge", feature: "test-forge" },
      });
      {
        await using node = await start(true);
        await node.inject("plugin.remove", { name: "forge" });
      }
      await using node = await start();
      expect(await node.inject("forge.add")).toEqual({ count: 1, release: "old" });
      await expect(node.inject("plugin.update", input)).rejects.toMatchObject({ code: "PLUGIN_OFFICIAL" });
      await expect(node.inject("plugin.install", input)).rejects.toMatchObject({ code: "PLUGIN_OFFICIAL" });
    } finally {
      await directory.remove();
    }
  });
});

describe("on a Redis that nodes share", () => {
  const starts = (url: string, folders: readonly string[]) =>
    Promise.all(
      folders.map((folder) =>
        createNode({
          config: { redisUrl: url, listen: { port: 0 }, logLevel: "silent" },
          features: [forge(folder)],
        }),
      ),
    );

  test("nodes that start at once install it once, and it answers on each", async () => {
    await using redis = await RedisServer.start();
    const nodes = await starts(redis.url, [old, old, old]);
    await using _ended = all(nodes);
    for (const [at, node] of nodes.entries()) {
      // A node that still starts it passes the call on.
      expect(await node.inject("forge.add")).toEqual({ count: at + 1, release: "old" });
      await untilReady(node);
      expect(await statusOf(node)).toMatchObject({ version: "1.0.0", official: "test-forge" });
    }
  });

  test("nodes with two versions agree on the later one", async () => {
    await using redis = await RedisServer.start();
    const nodes = await starts(redis.url, [old, later, old, later]);
    await using _ended = all(nodes);
    for (const node of [nodes[1]!, nodes[3]!]) {
      // Until it is ready it passes calls on, also to a node that still has the old one.
      await untilReady(node);
      expect(await statusOf(node)).toMatchObject({ version: "1.1.0" });
      expect(await node.inject("forge.add")).toMatchObject({ release: "later" });
    }
    // A third start of the old one changes nothing for them.
    const [again] = await starts(redis.url, [old]);
    await using _again = again!;
    let status = await statusOf(again!);
    for (; status.state !== "failed"; status = await statusOf(again!)) await delay(20);
    expect(status).toMatchObject({ version: "1.1.0", error: { code: "PLUGIN_OFFICIAL" } });
    expect(await nodes[1]!.inject("forge.add")).toMatchObject({ release: "later" });
  });
});

test("a package that was not built says so", async () => {
  const directory = await temporaryDirectory();
  try {
    const started = startNode(directory.path, {}, { features: [forge(join(directory.path, "none"))] });
    await expect(started).rejects.toMatchObject({
      code: "FEATURE_FAILED",
      message: expect.stringMatching(/plugin\.json.*build its package/),
    });
  } finally {
    await directory.remove();
  }
});

test("a node's own clock reaches plugins and what is written of them", async () => {
  const at = Date.UTC(2001, 1, 3);
  let ticks = 0;
  const clock = { now: () => at + 1000 * ticks++ };
  await using store = new MemoryStore();
  await using node = await createNode({
    ...{ store, clock, features: [forge(old)] },
    config: { listen: { port: 0 }, logLevel: "silent" },
  });
  const first = (await node.inject("forge.now")) as number;
  const second = (await node.inject("forge.now")) as number;
  expect(new Date(first).getUTCFullYear()).toBe(2001);
  expect(second).toBe(first + 1000);
  const record = JSON.parse(decodeUtf8((await store.kv.get("__sys:plugin:forge"))!.value));
  expect(record).toMatchObject({
    installedAt: expect.stringMatching(/^2001-02-03/),
    updatedAt: expect.stringMatching(/^2001-02-03/),
  });
});

/** Ends all of them together. */
function all(nodes: readonly AspenNode[]) {
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}
