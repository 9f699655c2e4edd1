import { request } from "node:http";
import { createConnection } from "node:net";
import { POINTS } from "@aspen/feature";
import { LIMITS } from "@aspen/plugin-api";
import { method, methodsHandler } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { pino } from "pino";
import { z } from "zod";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

const CHUNKED = "POST /rpc/test.echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";

/** Sends text as it is and waits until the node ends the connection. */
async function raw(url: string, text: string) {
  const { port } = new URL(url);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(Number(port), "127.0.0.1", () => socket.write(text));
    let received = "";
    socket.on("data", (chunk) => {
      received += String(chunk);
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
  });
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, "im").exec(head)?.[1]?.trim();
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
    type: header("content-type"),
    requestId: header("x-request-id"),
    body: JSON.parse(body),
  };
}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
let entered: () => void = () => {};
let aborted: () => void = () => {};
let release: () => void = () => {};

const testMethods = new ContainerModule(({ bind }) => {
  bind(POINTS.handlerFactory).toConstantValue({
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

  it("answers METHOD_NOT_FOUND for an unknown method or path", async () => {
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
    expect(await http(node.url, "/kv.get", { method: "GET" })).toMatchObject({
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

  it("names the verbs of a path that does not take the one that was used", async () => {
    const tries = [
      ...["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND"].map((verb) => [verb, "/rpc/kv.get", "POST"]),
      ["GET", "/rpc/no.such?a=/b", "POST"],
      ...["POST", "PATCH", "MKCOL"].map((verb) => [verb, "/healthz", "GET, HEAD"]),
    ] as [string, string, string][];
    for (const [method, path, allow] of tries) {
      const answer = await http(node.url, path, { method });
      expect(answer).toMatchObject({ status: 405, headers: { allow } });
      if (method !== "HEAD") expect(answer.body.error).toMatchObject({ code: "VERB_NOT_ALLOWED", details: { allow } });
    }
    expect(await http(node.url, "/healthz", { method: "HEAD" })).toMatchObject({ status: 200 });
  });

  it.each([
    ["what is no HTTP", "\u0000garbage\r\n\r\n", 400, "INVALID_PARAMS"],
    ["an unknown verb", "FROB /healthz HTTP/1.1\r\n\r\n", 400, "INVALID_PARAMS"],
    ["a bad request line", "GET /healthz HTTP/9.9.9\r\n\r\n", 400, "INVALID_PARAMS"],
    ["two lengths", "POST /rpc/a HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{", 400, "INVALID_PARAMS"],
    ["a bad chunk", `${CHUNKED}zz\r\n`, 400, "INVALID_PARAMS"],
    ["too many headers", `GET /healthz HTTP/1.1\r\nx: ${"y".repeat(200_000)}\r\n\r\n`, 431, "HEADERS_TOO_LARGE"],
  ])("refuses %s in the shape of every error", async (_what, text, status, code) => {
    const answer = await raw(node.url, text);
    expect(answer).toMatchObject({ status, type: "application/json; charset=utf-8", body: { error: { code } } });
    expect(answer.body.error).toEqual({
      code,
      message: expect.any(String),
      details: expect.any(Object),
      requestId: answer.requestId,
    });
    expect(await http(node.url, "/healthz", { method: "GET" })).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  it("refuses a request that does not arrive whole in time", async () => {
    const own = await temporaryDirectory();
    const slow = await startNode(own.path, { limits: { requestTimeoutMs: 200 } });
    for (const text of ["", "GET /healthz HT", `${CHUNKED}1\r\n{\r\n`]) {
      expect(await raw(slow.url, text)).toMatchObject({ status: 408, body: { error: { code: "REQUEST_TIMEOUT" } } });
    }
    expect(await http(slow.url, "/healthz", { method: "GET" })).toMatchObject({ status: 200 });
    await slow[Symbol.asyncDispose]();
    await own.remove();
  });

  it("logs that it is ready, once and in its own words, and the requests that it answers", async () => {
    const own = await temporaryDirectory();
    const lines: { level: number; msg: string; method?: string }[] = [];
    const log = pino({ level: "debug" }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const logged = await startNode(own.path, {}, { log });
    await http(logged.url, "/rpc/node.info", { body: "{}" });
    await http(logged.url, "/rpc/no.such", { body: "{}" });
    await logged[Symbol.asyncDispose]();
    await own.remove();
    const texts = lines.map(({ msg }) => msg);
    expect(texts.filter((text) => /listening/i.test(text))).toEqual([]);
    expect(texts.filter((text) => text === "node ready")).toHaveLength(1);
    expect(lines.filter(({ level }) => level === 20)).toEqual([
      expect.objectContaining({ msg: "answered", method: "node.info" }),
      expect.objectContaining({ msg: "refused", method: "no.such" }),
    ]);
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
