import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { KNOWN_FEATURES } from "../src/composition/known-features.js";
import { NodeProcess } from "./child.js";
import { temporaryDirectory } from "./support.js";

/** Starts a node from the built package and tells which files its process has loaded. */
const PROGRAM = `
import { Session } from "node:inspector/promises";
import { createNode } from "@aspen/node";
import { MemoryStore } from "@aspen/storage/memory";
const store = new MemoryStore();
const features = JSON.parse(process.argv[1]);
const node = await createNode({ store, config: { listen: { port: 0 }, logLevel: "silent", features } });
const session = new Session();
session.connect();
const urls = [];
session.on("Debugger.scriptParsed", ({ params }) => urls.push(params.url));
await session.post("Debugger.enable");
session.disconnect();
await node[Symbol.asyncDispose]();
console.log(JSON.stringify(urls.filter((url) => url.startsWith("file:"))));
`;

async function loaded(features: Record<string, boolean>): Promise<string[]> {
  const given = ["--input-type=module", "-e", PROGRAM, JSON.stringify(features)];
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const cwd = new URL(".", import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, given, { cwd, env, maxBuffer: 16 * 1024 * 1024 });
  return JSON.parse(stdout);
}

describe("what a node loads", () => {
  it("is nothing of a feature that is off", async () => {
    const off = Object.fromEntries(Object.keys(KNOWN_FEATURES).map((name) => [name, false]));
    const without = await loaded(off);
    const foreign = /packages\/(plugin-host|wasm-plugin|guest-sdk|cli)\/|node_modules\/(@extism|lmdb|ioredis)\//;
    expect(without.filter((url) => foreign.test(url))).toEqual([]);
    const all = await loaded({});
    expect(all.some((url) => url.includes("packages/wasm-plugin/"))).toBe(true);
    expect(without.length).toBeLessThan(all.length);
    // The compiler of schemas that the framework brings, and no route has; what the first scrape and the first forwarded
    // request load.
    expect(all.filter((url) => /node_modules\/(ajv|prom-client|undici|@opentelemetry)\//.test(url))).toEqual([]);
    // What only a node with a certificate, with a socket, or that describes itself needs; code of its own for each.
    expect(all.filter((url) => /\/(tls|unix-socket|openapi)-[A-Z0-9]+\.js$/.test(url))).toEqual([]);
    expect((await loaded({ tracing: true })).some((url) => url.includes("node_modules/@opentelemetry/api/"))).toBe(
      true,
    );
  });
});

describe("a node that was killed", () => {
  it("leaves nothing that keeps the next one from its start", async () => {
    const directory = await temporaryDirectory();
    for (let round = 0; round < 3; round += 1) {
      await using node = NodeProcess.start({ dataDir: directory.path });
      const url = String(await node.said("url"));
      const put = { method: "POST", body: JSON.stringify({ key: "t:round", value: String(round) }) };
      expect((await fetch(`${url}/rpc/kv.put`, put)).status).toBe(200);
      node.signal("SIGKILL");
      await node.ended;
    }
    await directory.remove();
  });
});
