import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { POINTS } from "@aspen/feature";
import { AspenError } from "@aspen/plugin-api";
import { method, methodsHandler } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { z } from "zod";
import type { AspenNode } from "../src/index.js";
import { startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
const endless = { lists: 0, ended: 0 };

const LIST = Array.from({ length: 64 }, () => "x".repeat(1024));

/** Gives two items and then `how`. */
function failing(how: unknown) {
  return method({
    summary: "",
    params: z.unknown(),
    handle: () => "whole",
    stream: {
      async *items() {
        yield [1];
        yield [2];
        throw how;
      },
    },
  });
}

const methods = {
  "test.refused": failing(new AspenError("KV_CONFLICT", "it has changed")),
  "test.defect": failing(new Error("secret detail")),
  "test.early": method({
    summary: "",
    params: z.unknown(),
    handle: () => "whole",
    stream: {
      // biome-ignore lint/correctness/useYield: it fails before.
      async *items() {
        throw new AspenError("KV_CONFLICT", "it has changed");
      },
    },
  }),
  "test.endless": method({
    summary: "",
    params: z.unknown(),
    handle: () => "whole",
    stream: {
      async *items() {
        try {
          for (;;) {
            endless.lists += 1;
            yield LIST;
          }
        } finally {
          endless.ended += 1;
        }
      },
    },
  }),
  "test.waits": method({
    summary: "",
    params: z.unknown(),
    handle: () => "whole",
    stream: {
      async *items(_params, { signal }) {
        yield ["first"];
        await once(signal, "abort");
        throw signal.reason;
      },
    },
  }),
};

const start = (limits = {}) => {
  const module = new ContainerModule(({ bind }) => {
    const create = () => methodsHandler({ name: "test", priority: 500, methods });
    bind(POINTS.handlerFactory).toConstantValue({ name: "test", priority: 500, create });
  });
  return startNode(directory.path, { limits }, { modules: [module] });
};

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await start();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

async function ask(name: string, params: unknown = {}, accept = "application/x-ndjson"): Promise<IncomingMessage> {
  const call = request(`${node.url}/rpc/${name}`, { method: "POST", agent: false, headers: { accept } });
  call.end(JSON.stringify(params));
  const [response] = await once(call, "response");
  return response as IncomingMessage;
}

const linesOf = async (response: IncomingMessage) =>
  (await text(response))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

describe("a stream of results", () => {
  it("has every entry of a scan, in order, one a line", async () => {
    const keys = Array.from({ length: 1203 }, (_, at) => `t:${String(at).padStart(5, "0")}`);
    for (const key of keys) await node.client.call("kv.put", { key, value: key });
    const response = await ask("kv.scan", { prefix: "t:" });
    expect(response.headers).toMatchObject({ "content-type": "application/x-ndjson" });
    const entries = await linesOf(response);
    expect(entries.map(({ key }) => key)).toEqual(keys);
    expect(entries[7]).toEqual({ key: keys[7], value: keys[7], version: expect.any(Number) });
    const some = await linesOf(await ask("kv.scan", { prefix: "t:", limit: 703, keysOnly: true, reverse: true }));
    expect(some.map(({ key }) => key)).toEqual(keys.toReversed().slice(0, 703));
    expect(await linesOf(await ask("kv.scan", { prefix: "none:" }))).toEqual([]);
  });

  it("is for who names its type, of a method that has one", async () => {
    for (const accept of ["*/*", "application/json", "application/*", "application/x-ndjson;q=0"]) {
      const response = await ask("kv.scan", { prefix: "none:" }, accept);
      expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
      expect(JSON.parse(await text(response))).toEqual({ entries: [], cursor: null });
    }
    const several = await ask("kv.scan", { prefix: "none:" }, "text/html, Application/X-NDJSON; q=0.5, */*;q=0.1");
    expect(several.headers["content-type"]).toBe("application/x-ndjson");
    several.resume();
    const info = await ask("node.info");
    expect(info.headers["content-type"]).toBe("application/json; charset=utf-8");
    info.resume();
    const { methods } = await node.client.call("rpc.describe");
    expect(methods.filter(({ streams }) => streams).map(({ method }) => method)).toContain("kv.scan");
    expect(methods.find(({ method }) => method === "kv.scan")?.item).toMatchObject({ required: ["key", "version"] });
  });

  it("ends with a line that has the code of an error which comes in the middle", async () => {
    const response = await ask("test.refused");
    const requestId = response.headers["x-request-id"];
    const error = { code: "KV_CONFLICT", message: "it has changed", details: {}, requestId };
    expect(response.statusCode).toBe(200);
    expect(await linesOf(response)).toEqual([1, 2, { error }]);
    const defect = await linesOf(await ask("test.defect"));
    expect(defect.at(-1)).toMatchObject({ error: { code: "INTERNAL" } });
    expect(JSON.stringify(defect)).not.toContain("secret");
  });

  it("is an error like any other when it fails before its first item, or its params are refused", async () => {
    const early = await ask("test.early");
    expect(early.statusCode).toBe(409);
    expect(JSON.parse(await text(early))).toMatchObject({ error: { code: "KV_CONFLICT" } });
    const refused = await ask("kv.scan", { prefix: 1 });
    expect(refused.statusCode).toBe(400);
    refused.resume();
  });

  it("goes no faster than it is read, and ends with its reader", async () => {
    const response = await ask("test.endless");
    response.pause();
    let seen = -1;
    while (seen !== endless.lists) {
      seen = endless.lists;
      await delay(500);
    }
    // What the system's buffers and Node's hold: some megabytes, of an endless stream.
    expect(seen).toBeLessThan(1000);
    response.destroy();
    while (endless.ended === 0) await delay(10);
  });

  it("ends with the deadline of its request", async () => {
    const call = request(`${node.url}/rpc/test.waits`, {
      method: "POST",
      agent: false,
      headers: { accept: "application/x-ndjson", "x-aspen-timeout-ms": "300" },
    });
    call.end();
    const [response] = await once(call, "response");
    expect(await linesOf(response)).toEqual([
      "first",
      { error: expect.objectContaining({ code: "DEADLINE_EXCEEDED" }) },
    ]);
  });

  it("ends with the node, and says so", async () => {
    await node[Symbol.asyncDispose]();
    node = await start({ drainMs: 200 });
    const response = await ask("test.waits");
    // Its head came with its first item.
    const stopped = node[Symbol.asyncDispose]();
    expect((await linesOf(response)).at(-1)).toEqual({ error: expect.objectContaining({ code: "OUTCOME_UNKNOWN" }) });
    await stopped;
    node = await start();
  });
});
