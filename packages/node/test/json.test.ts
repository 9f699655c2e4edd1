import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { LIMITS } from "@aspen/plugin-api";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path);
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/json", import.meta.url)));
  await node.inject("plugin.install", {
    manifest,
    artifacts: [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }],
  });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

const post = (method: string, body: string) => http(node.url, `/rpc/${method}`, { body });
const refused = (status: number, code: string) => ({ status, body: { error: { code } } });

describe("JSON of a plugin", () => {
  it("passes as it is: numbers, white space, a byte order mark before it", async () => {
    expect(await post("json.kinds", "[-0, 0, 1e308, 1]")).toMatchObject({ body: ["-0", "0", "1e+308", "1"] });
    expect(await post("json.kinds", "\ufeff[ -0 ]\n")).toMatchObject({ body: ["-0"] });
    expect(await post("json.type", "")).toMatchObject({ status: 200, body: "object" });
    expect(await node.inject("json.kinds", [-0, 1])).toEqual(["-0", "1"]);
  });

  it("is refused when it is none, or has a number that JSON cannot hold", async () => {
    for (const body of ["{", "{}{}", '1,"method":"x"', "[1e400]", "[".repeat(LIMITS.jsonDepth + 1)]) {
      expect(await post("json.type", body)).toMatchObject(refused(400, "INVALID_PARAMS"));
    }
    await expect(node.inject("json.type", [Number.POSITIVE_INFINITY])).rejects.toMatchObject({
      code: "INVALID_PARAMS",
    });
  });

  it("is not parsed by the main thread, nor written again", async () => {
    const many = `[${"{},".repeat(200_000)}{}]`;
    const parse = jest.spyOn(JSON, "parse");
    const stringify = jest.spyOn(JSON, "stringify");
    const answer = await fetch(`${node.url}/rpc/json.echo`, { method: "POST", body: many });
    const text = await answer.text();
    const parsed = parse.mock.calls.filter(([json]) => String(json).length > 1000);
    const written = stringify.mock.results.filter(({ value }) => String(value).length > 1000);
    parse.mockRestore();
    stringify.mockRestore();
    expect([answer.status, text === many]).toEqual([200, true]);
    expect([parsed.length, written.length]).toEqual([0, 0]);
  });
});

describe("JSON of the node's own methods", () => {
  it("is refused with more values and keys than the limit, before it is parsed", async () => {
    const parse = jest.spyOn(JSON, "parse");
    const many = (count: number) =>
      `[${Array(count - 1)
        .fill("{}")
        .join()}]`;
    const objects = `{"key":"a","x":{${Array.from({ length: LIMITS.jsonValues }, (_, at) => `"${at}":0`).join()}}}`;
    for (const body of [many(LIMITS.jsonValues + 1), objects, many(5_000_000)]) {
      // Only the answer is parsed, by the test.
      expect(await post("kv.get", body)).toMatchObject(refused(413, "PAYLOAD_TOO_LARGE"));
    }
    const parsed = parse.mock.calls.filter(([json]) => String(json).length > 1000);
    parse.mockRestore();
    expect(parsed).toEqual([]);
    expect(await post("kv.get", many(LIMITS.jsonValues))).toMatchObject(refused(400, "INVALID_PARAMS"));
  });

  it("may be long in one string", async () => {
    const value = { base64: Buffer.alloc(8 * 1024 * 1024, 7).toString("base64") };
    expect(await post("blob.put", JSON.stringify({ value }))).toMatchObject({ status: 200, body: { size: 8_388_608 } });
  });

  it("is refused with a number that JSON cannot hold, wherever it is", async () => {
    expect(await post("kv.put", '{"key":"a","value":"b","ttlMs":1e400}')).toMatchObject(refused(400, "INVALID_PARAMS"));
    const install = '{"manifest":{"x":1e400},"wasm":""}';
    expect(await post("plugin.install", install)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("number") } },
    });
  });
});
