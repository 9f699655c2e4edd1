import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type AspenNode, createNode } from "@aspen/node";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { feature as greeter } from "../src/greeter.js";

const lines = (file: string) =>
  readFileSync(new URL(file, import.meta.url), "utf8")
    .trimEnd()
    .split("\n").length;
const base = { listen: { port: 0 }, logLevel: "silent" } as const;

it("is short", () => {
  expect(lines("../src/main.ts")).toBeLessThanOrEqual(15);
  expect(lines("../src/greeter.ts")).toBeLessThanOrEqual(60);
});

describe("a node with a feature of its own", () => {
  let store: MemoryStore;
  let node: AspenNode;
  beforeAll(async () => {
    store = new MemoryStore();
    const features = { "plugins-wasm": false, greeter: { greeting: "Good morning" } };
    node = await createNode({ store, features: [greeter], config: { ...base, features } });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  it("has its method, its configuration, its middleware, which counts what is asked, and its metric", async () => {
    const say = (body: string) => fetch(`${node.url}/rpc/greeter.hello`, { method: "POST", body });
    expect(await (await say('{"name":"Ada"}')).json()).toBe("Good morning, Ada!");
    expect((await say('{"name":""}')).status).toBe(400);
    expect(await (await fetch(`${node.url}/metrics`)).text()).toContain("aspen_greeter_greetings_total 2");
  });

  it("streams 100 MB through its mount without keeping them", async () => {
    const chunk = Buffer.alloc(1024 * 1024, 1);
    const total = 100 * chunk.length;
    let sent = 0;
    let received = 0;
    let most = 0;
    const call = request(new URL("/greeter/echo", node.url), { method: "PUT", agent: false });
    const answered = once(call, "response");
    const source = function* () {
      for (; sent < total; sent += chunk.length) {
        most = Math.max(most, sent - received);
        yield chunk;
      }
    };
    const sending = pipeline(Readable.from(source()), call);
    const [response] = await answered;
    for await (const part of response) received += (part as Buffer).length;
    await sending;
    expect(received).toBe(total);
    expect(most).toBeLessThan(40 * 1024 * 1024);
  });

  it("refuses a key that it does not know, and names the nearest", async () => {
    const features = { "plugins-wasm": false, greeter: { greting: "Hi" } };
    await expect(createNode({ store, features: [greeter], config: { ...base, features } })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/features\.greeter\.greting.*greeting/),
    });
  });
});
