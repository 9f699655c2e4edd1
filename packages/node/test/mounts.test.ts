import { once } from "node:events";
import { request } from "node:http";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type HttpMount, POINTS } from "@aspen/feature";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ContainerModule } from "inversify";
import { type AspenNode, createNode } from "../src/index.js";
import { connect, expectErrorShape, raw } from "./raw.js";
import { featureOf, http } from "./support.js";

const LIMIT = 10_000;
const config = { listen: { port: 0 }, logLevel: "silent", features: { "plugins-wasm": false } } as const;

const mount = (
  prefix: HttpMount["prefix"],
  handle: HttpMount["handle"],
  maxBodyBytes: number | null = null,
): HttpMount => ({
  ...{ prefix, handle, maxBodyBytes },
  access: "caller",
});
const withMounts = (...mounts: HttpMount[]) =>
  featureOf(
    new ContainerModule(({ bind }) => {
      for (const it of mounts) bind(POINTS.httpMount).toConstantValue(it);
    }),
  );

/** Bytes that have arrived in a mount which reads only when it is told to. */
const slow = { arrived: 0, read: () => {} };
const aborted: unknown[] = [];
const mounts = [
  mount("/echo", (incoming, answer) => pipeline(incoming, answer)),
  mount("/small", (incoming, answer) => pipeline(incoming, answer), LIMIT),
  mount(
    "/count",
    async (incoming, answer) => {
      let bytes = 0;
      for await (const chunk of incoming) bytes += (chunk as Buffer).length;
      answer.end(JSON.stringify(bytes));
    },
    LIMIT,
  ),
  mount("/say", async (incoming, answer, { path, caller, requestId }) => {
    answer.end(JSON.stringify({ path, caller: caller.kind, requestId, method: incoming.method }));
  }),
  mount("/throw", async (_incoming, answer) => {
    answer.setHeader("content-type", "text/plain");
    throw new Error("a secret detail");
  }),
  mount("/half", async (_incoming, answer) => {
    answer.writeHead(200);
    answer.write("half of it");
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error("then it fails");
  }),
  mount("/slow", async (incoming, answer) => {
    slow.arrived = 0;
    await new Promise<void>((resolve) => {
      slow.read = resolve;
    });
    for await (const chunk of incoming) slow.arrived += (chunk as Buffer).length;
    answer.end(JSON.stringify(slow.arrived));
  }),
  mount("/wait", async (_incoming, answer, { signal }) => {
    answer.writeHead(200);
    answer.write("begun");
    await once(signal, "abort");
    aborted.push(signal.reason);
  }),
];

let store: MemoryStore;
let node: AspenNode;
beforeAll(async () => {
  store = new MemoryStore();
  node = await createNode({ store, config, features: [withMounts(...mounts)] });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

describe("a mount", () => {
  it("gets its requests of any verb with what the front knows of them, and no others", async () => {
    for (const [path, rest] of [
      ["/say", "/"],
      ["/say/", "/"],
      ["/say/a%2fb/../c?x=1", "/a%2fb/../c"],
    ]) {
      const answer = await http(node.url, "/", {
        method: "PROPFIND",
        headers: { "x-request-id": "mine" },
        target: path!,
      });
      expect(answer).toMatchObject({
        status: 200,
        headers: { "x-request-id": "mine" },
        body: { path: rest, caller: "local", requestId: "mine", method: "PROPFIND" },
      });
    }
    expect(await http(node.url, "/saying", { method: "GET" })).toMatchObject({ status: 404 });
    const absolute = "GET http://localhost/say/x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    expect(await raw(node.url, absolute)).toMatchObject({ status: 200, body: { path: "/x" } });
  });

  it("is not reached from another site, or with an expectation that nobody knows", async () => {
    const head = (line: string) => `GET /say HTTP/1.1\r\n${line}\r\nconnection: close\r\n\r\n`;
    expectErrorShape(await raw(node.url, head("host: evil.example")), 403, "PERMISSION_DENIED");
    expectErrorShape(await raw(node.url, head("host: localhost\r\norigin: http://evil")), 403, "PERMISSION_DENIED");
    expectErrorShape(await raw(node.url, head("host: localhost\r\nexpect: gold")), 417, "EXPECTATION_FAILED");
  });

  it("streams 100 MB through, at the pace of the slower side", async () => {
    const total = 100 * 1024 * 1024;
    const chunk = Buffer.alloc(1024 * 1024, 7);
    let sent = 0;
    let received = 0;
    let most = 0;
    const source = Readable.from(
      (function* () {
        while (sent < total) {
          sent += chunk.length;
          most = Math.max(most, sent - received);
          yield chunk;
        }
      })(),
    );
    const call = request(new URL("/echo", node.url), { method: "POST", agent: false });
    const answered = once(call, "response");
    const sending = pipeline(source, call);
    const [response] = await answered;
    await pipeline(
      response,
      new Writable({
        write(bytes: Buffer, _encoding, done) {
          received += bytes.length;
          setImmediate(done);
        },
      }),
    );
    await sending;
    expect(received).toBe(total);
    // What was under way at any moment: buffers of the streams and the system's sockets.
    expect(most).toBeLessThan(40 * 1024 * 1024);
  });

  it("that does not read stops who writes", async () => {
    const total = 100 * 1024 * 1024;
    const chunk = Buffer.alloc(1024 * 1024);
    let sent = 0;
    const call = request(new URL("/slow", node.url), { method: "POST", agent: false });
    const answered = once(call, "response");
    const sending = pipeline(
      Readable.from(
        (function* () {
          for (; sent < total; sent += chunk.length) yield chunk;
        })(),
      ),
      call,
    );
    // Until nothing moves any more.
    for (let before = -1; before !== sent; ) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(sent).toBeLessThan(40 * 1024 * 1024);
    slow.read();
    await sending;
    const [response] = await answered;
    let text = "";
    for await (const part of response) text += String(part);
    expect(JSON.parse(text)).toBe(total);
  });

  it("is asked for a body when it takes it", async () => {
    const headers = "host: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close";
    const asked = await connect(node.url, `POST /echo HTTP/1.1\r\n${headers}\r\n\r\n`);
    const first = await new Promise<Buffer>((resolve) => asked.socket.once("data", resolve));
    expect(String(first)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    asked.socket.write("{}");
    expect(await asked.ended).toMatch(/HTTP\/1\.1 200 OK[\s\S]*\{\}/);
  });
});

describe("the body of a mount", () => {
  it.each(["/small", "/count"])(
    "that is announced over its limit is refused before it is asked for: %s",
    async (path) => {
      const headers = `host: localhost\r\nexpect: 100-continue\r\ncontent-length: ${LIMIT + 1}\r\nconnection: close`;
      expectErrorShape(await raw(node.url, `POST ${path} HTTP/1.1\r\n${headers}\r\n\r\n`), 413, "PAYLOAD_TOO_LARGE");
    },
  );

  it("that grows over its limit is cut off; the client sees the refusal", async () => {
    for (let round = 0; round < 8; round += 1) {
      const headers = { "transfer-encoding": "chunked" };
      const answer = await http(node.url, "/count", { body: new Uint8Array(30 * 1024 * 1024), headers });
      expect(answer).toMatchObject({
        status: 413,
        body: { error: { code: "PAYLOAD_TOO_LARGE", details: { limit: LIMIT } } },
      });
    }
  });

  it("may be as long as the limit, and longer than that of methods", async () => {
    const headers = { "transfer-encoding": "chunked" };
    const body = new Uint8Array(LIMIT).fill(0x20);
    expect(await http(node.url, "/count", { body, headers })).toMatchObject({ status: 200, body: LIMIT });
    expect(await http(node.url, "/count", { body: "" })).toMatchObject({ status: 200, body: 0 });
  });
});

describe("a mount that fails", () => {
  it("before it answered is answered as every error", async () => {
    const answer = await http(node.url, "/throw", { body: new Uint8Array(5_000_000) });
    expect(answer).toMatchObject({ status: 500, body: { error: { code: "INTERNAL" } } });
    expect(answer.headers["x-request-id"]).toBe(answer.body.error.requestId);
    expect(answer.headers["content-type"]).toMatch(/json/);
    expect(JSON.stringify(answer.body)).not.toContain("secret");
  });

  it("in the middle of its answer cuts the connection", async () => {
    const { ended } = await connect(node.url, "GET /half HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const text = await ended;
    expect(text).toContain("half of it");
    expect(text.endsWith("0\r\n\r\n")).toBe(false);
  });
});

it("two mounts that share a path are refused, also with what the node answers itself", async () => {
  const handle = async () => {};
  for (const [one, other] of [
    ["/git", "/git"],
    ["/git", "/git/lfs"],
    ["/rpc", null],
    ["/rpc/more", null],
    ["/healthz", null],
    ["/metrics", null],
    ["/readyz/x", null],
    ["/", null],
    ["/git/", null],
    ["/a b", null],
  ] as const) {
    const bound = [mount(one, handle), ...(other === null ? [] : [mount(other, handle)])];
    const failed = createNode({ store, config, features: [withMounts(...bound)] });
    await expect(failed).rejects.toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("mount") });
  }
});

it("a stop tells mounts that it cannot wait for", async () => {
  await using own = new MemoryStore();
  const stopping = await createNode({
    store: own,
    config: { ...config, limits: { drainMs: 100 } },
    features: [withMounts(...mounts)],
  });
  const { ended, socket } = await connect(stopping.url, "GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await once(socket, "data");
  await stopping[Symbol.asyncDispose]();
  expect(aborted).toEqual([expect.objectContaining({ code: "OUTCOME_UNKNOWN" })]);
  expect((await ended).endsWith("0\r\n\r\n")).toBe(false);
});
