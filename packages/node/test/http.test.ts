import { request } from "node:http";
import { createConnection } from "node:net";
import { LIMITS } from "@aspen/plugin-api";
import { method, methodsHandler } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import { ContainerModule } from "inversify";
import { z } from "zod";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
let entered: () => void = () => {};
let aborted: () => void = () => {};
let release: () => void = () => {};

const testMethods = new ContainerModule(({ bind }) => {
  bind(RPC.handlerFactory).toConstantValue({
    name: "test",
    priority: 500,
    create: () =>
      methodsHandler({
        name: "test",
        priority: 500,
        methods: {
          "test.echo": method({ summary: "", params: z.unknown(), handle: (params) => params }),
          "test.nothing": method({ summary: "", params: z.unknown(), handle: () => undefined }),
          "test.break": method({
            summary: "",
            params: z.unknown(),
            handle: () => {
              throw new Error("secret detail");
            },
          }),
          "test.wait": method({
            summary: "",
            params: z.unknown(),
            handle: (_params, { signal }) =>
              new Promise((resolve, reject) => {
                signal.addEventListener("abort", () => {
                  aborted();
                  reject(signal.reason);
                });
                release = () => resolve("released");
                entered();
              }),
          }),
        },
      }),
  });
});

const start = () => startNode(directory.path, { limits: { bodyBytes: 65_536 } }, { modules: [testMethods] });
const post = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  http(node.url, path, { body, headers });

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await start();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

describe("POST /rpc/<method>", () => {
  it("takes JSON under any content type, or none", async () => {
    const types = ["application/json", "text/plain", "application/x-www-form-urlencoded", "garbage", "a/b; c"];
    for (const type of types) {
      expect(await post("/rpc/test.echo", '{"a":1}', { "content-type": type })).toMatchObject({
        status: 200,
        body: { a: 1 },
        headers: { "content-type": "application/json; charset=utf-8" },
      });
    }
    expect(await post("/rpc/test.echo", '{"a":1}')).toMatchObject({ status: 200, body: { a: 1 } });
    expect(await post("/rpc/test.echo", "[null]", { "transfer-encoding": "chunked" })).toMatchObject({ body: [null] });
    expect(await post("/rpc/test.echo", "")).toMatchObject({ status: 200, body: {} });
    expect(await post("/rpc/test.nothing", "", { "content-type": "application/json" })).toMatchObject({
      status: 200,
      body: null,
    });
  });

  it("refuses a body that is not JSON, not UTF-8 or too deep", async () => {
    const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    const bad = ["{", "{'a':1}", "undefined", "{}{}", new Uint8Array([0x22, 0xff, 0x22]), deep(LIMITS.jsonDepth + 1)];
    for (const body of [...bad, "[".repeat(60_000)]) {
      const answer = await post("/rpc/test.echo", body);
      expect(answer).toMatchObject({
        status: 400,
        body: { error: { code: "INVALID_PARAMS", message: expect.any(String) } },
      });
      expect(answer.body.error.requestId).toBe(answer.headers["x-request-id"]);
    }
    expect(await post("/rpc/test.echo", deep(LIMITS.jsonDepth))).toMatchObject({ status: 200 });
    const brackets = JSON.stringify({ text: `${"[{".repeat(200)}\\"[[[` });
    expect(await post("/rpc/test.echo", brackets)).toMatchObject({ status: 200, body: JSON.parse(brackets) });
  });

  it("refuses a body over the limit, announced or not", async () => {
    const body = JSON.stringify("x".repeat(65_536));
    for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
      expect(await post("/rpc/test.echo", body, headers)).toMatchObject({
        status: 413,
        body: { error: { code: "PAYLOAD_TOO_LARGE", details: { limit: 65_536 } } },
      });
    }
  });

  it("keeps keys that poison prototypes harmless", async () => {
    const answer = await post(
      "/rpc/test.echo",
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    );
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body)).toEqual(["__proto__", "constructor"]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(await post("/rpc/kv.get", '{"__proto__":{"key":"a"}}')).toMatchObject({
      body: { error: { code: "INVALID_PARAMS" } },
    });
  });

  it("answers METHOD_NOT_FOUND for an unknown method, path or verb", async () => {
    for (const path of [
      "/rpc/no.such",
      "/rpc/__proto__",
      `/rpc/${"x".repeat(900)}`,
      "/rpc/",
      "/",
      "/rpc/a/b",
      "/rpc/%00",
    ]) {
      expect(await post(path, "{}")).toMatchObject({ status: 404, body: { error: { code: "METHOD_NOT_FOUND" } } });
    }
    expect(await http(node.url, "/rpc/kv.get", { method: "GET" })).toMatchObject({
      status: 404,
      body: { error: { message: expect.stringContaining("POST /rpc/<method>") } },
    });
    expect(await post("/rpc/%zz", "{}")).toMatchObject({ status: 400, body: { error: { code: "INVALID_PARAMS" } } });
  });

  it("tells nothing of a defect but the request id", async () => {
    const answer = await post("/rpc/test.break", "{}", { "x-request-id": "my-id.1" });
    expect(answer).toMatchObject({
      status: 500,
      headers: { "x-request-id": "my-id.1" },
      body: { error: { code: "INTERNAL", requestId: "my-id.1", details: { requestId: "my-id.1" } } },
    });
    expect(JSON.stringify(answer.body)).not.toContain("secret");
  });

  it("takes a good request id and replaces a bad one", async () => {
    expect((await post("/rpc/node.info", "{}", { "x-request-id": "abc" })).headers["x-request-id"]).toBe("abc");
    for (const bad of ["a b", "x".repeat(129), "a\tb"]) {
      const { headers } = await post("/rpc/node.info", "{}", { "x-request-id": bad });
      expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it("refuses other sites and rebound names", async () => {
    const { host, port } = new URL(node.url);
    for (const name of [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1.evil.example",
      "10.0.0.1",
      "localhost@evil",
    ]) {
      expect(await post("/rpc/node.info", "{}", { host: name })).toMatchObject({
        status: 403,
        body: { error: { code: "PERMISSION_DENIED" } },
      });
    }
    for (const origin of ["http://evil.example", "null", `https://${host}`, "http://127.0.0.1:1"]) {
      expect(await post("/rpc/node.info", "{}", { origin })).toMatchObject({
        status: 403,
        body: { error: { code: "PERMISSION_DENIED" } },
      });
    }
    expect(await post("/rpc/node.info", "{}", { origin: node.url })).toMatchObject({ status: 200 });
    expect(await post("/rpc/node.info", "{}", { host: `localhost:${port}` })).toMatchObject({ status: 200 });
    expect(await post("/rpc/node.info", "{}", { host: `[::1]:${port}` })).toMatchObject({ status: 200 });
  });

  it("aborts the handler's signal when the client goes away", async () => {
    const started = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const stopped = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const call = request(new URL("/rpc/test.wait", node.url), { method: "POST" });
    call.on("error", () => {});
    call.end("{}");
    await started;
    call.destroy();
    await stopped;
  });

  it("survives what is no HTTP", async () => {
    const { port } = new URL(node.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = createConnection(Number(port), "127.0.0.1", () => socket.end("\u0000garbage\r\n\r\n"));
      let text = "";
      socket.on("data", (chunk) => {
        text += String(chunk);
      });
      socket.on("close", () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
    expect(await http(node.url, "/healthz", { method: "GET" })).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  it("answers requests under way before it stops, and takes no more", async () => {
    const started = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const call = post("/rpc/test.wait", "{}");
    await started;
    const closed = node[Symbol.asyncDispose]();
    await expect(node.inject("node.info")).rejects.toMatchObject({ code: "NODE_UNREACHABLE" });
    release();
    expect(await call).toMatchObject({ status: 200, body: "released" });
    await closed;
    await expect(post("/rpc/node.info", "{}")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    node = await start();
  });
});
