import { POINTS } from "@aspen/feature";
import { LIMITS } from "@aspen/plugin-api";
import { method, methodsHandler } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { z } from "zod";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
let running = 0;
let most = 0;
let calls = 0;

const methods = {
  "test.echo": method({ summary: "", params: z.unknown(), handle: (params) => params }),
  "test.large": method({
    summary: "",
    params: z.unknown(),
    handle: () => {
      calls += 1;
      return "x".repeat(LIMITS.messageBytes / 4);
    },
  }),
  "test.turn": method({
    summary: "",
    params: z.unknown(),
    handle: async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    },
  }),
};

beforeAll(async () => {
  directory = await temporaryDirectory();
  const module = new ContainerModule(({ bind }) => {
    const create = () => methodsHandler({ name: "test", priority: 500, methods });
    bind(POINTS.handlerFactory).toConstantValue({ name: "test", priority: 500, create });
  });
  node = await startNode(directory.path, {}, { modules: [module] });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

const batch = (calls: unknown) => http(node.url, "/rpc", { body: JSON.stringify(calls) });

describe("POST /rpc", () => {
  it("answers each call in the order of the calls, with its id", async () => {
    const answer = await batch([
      { method: "kv.put", params: { key: "t:a", value: "1" }, id: 1 },
      { method: "test.echo", params: { some: ["thing"] }, id: "two" },
      { method: "test.echo" },
      { method: "test.echo", params: 0, id: null },
    ]);
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "application/json; charset=utf-8" } });
    expect(answer.body).toEqual([
      { id: 1, result: { version: expect.any(Number) } },
      { id: "two", result: { some: ["thing"] } },
      { result: {} },
      { id: null, result: 0 },
    ]);
  });

  it("gives each call its own error, and the others their answers", async () => {
    const bad: [unknown, string][] = [
      [{ method: "no.such", id: 7 }, "METHOD_NOT_FOUND"],
      [{ method: "kv.get", params: { key: 1 }, id: 7 }, "INVALID_PARAMS"],
      [{ method: "kv.get", params: { key: "__sys:x" }, id: 7 }, "PERMISSION_DENIED"],
      [{ method: 7, id: 7 }, "INVALID_PARAMS"],
      [{ method: "test.echo", id: 7, other: 1 }, "INVALID_PARAMS"],
      [{ method: "test.echo", id: { deep: true } }, "INVALID_PARAMS"],
      [{ method: "test.echo", id: "x".repeat(257) }, "INVALID_PARAMS"],
      [[{ method: "test.echo", id: 7 }], "INVALID_PARAMS"],
      [null, "INVALID_PARAMS"],
      ["test.echo", "INVALID_PARAMS"],
    ];
    const answer = await batch(bad.flatMap(([call]) => [call, { method: "test.echo", id: "ok" }]));
    expect(answer.status).toBe(200);
    const requestId = answer.headers["x-request-id"];
    for (const [at, [call, code]] of bad.entries()) {
      const { id } = (call ?? {}) as { id?: unknown };
      const given = id === 7 ? { id } : {};
      expect(answer.body[2 * at]).toEqual({
        ...given,
        error: { code, message: expect.any(String), details: expect.any(Object), requestId },
      });
      expect(answer.body[2 * at + 1]).toEqual({ id: "ok", result: {} });
    }
  });

  it("refuses what is no list of calls, and more than it takes", async () => {
    for (const body of ["", "{}", "[]", '"test.echo"', "[", "7"]) {
      expect(await http(node.url, "/rpc", { body })).toMatchObject({
        status: 400,
        body: { error: { code: "INVALID_PARAMS" } },
      });
    }
    const calls = (count: number) => Array.from({ length: count }, (_, id) => ({ method: "test.turn", id }));
    expect((await batch(calls(LIMITS.batchCalls))).body).toHaveLength(LIMITS.batchCalls);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
    expect(await batch(calls(LIMITS.batchCalls + 1))).toMatchObject({
      status: 413,
      body: { error: { code: "PAYLOAD_TOO_LARGE" } },
    });
    expect(await http(node.url, "/rpc", { method: "GET" })).toMatchObject({ status: 405, headers: { allow: "POST" } });
  });

  it("calls no more methods when the answer is full", async () => {
    const { body } = await batch(Array.from({ length: LIMITS.batchCalls }, (_, id) => ({ method: "test.large", id })));
    const codes = body.map((answer: { error?: { code: string } }) => answer.error?.code ?? "ok");
    expect(new Set(codes)).toEqual(new Set(["ok", "PAYLOAD_TOO_LARGE"]));
    expect(codes.filter((code: string) => code === "ok")).toHaveLength(calls);
    // As many as fit, and those that had begun when it was full.
    expect(calls).toBeLessThanOrEqual(4 + 8);
  });
});
