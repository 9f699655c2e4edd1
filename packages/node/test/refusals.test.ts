import { request } from "node:http";
import type { AspenNode } from "../src/index.js";
import { answersIn, connect, expectErrorShape, raw } from "./raw.js";
import { http, startNode, temporaryDirectory } from "./support.js";
import { SlowMethod } from "./test-methods.js";

const LIMIT = 24 * 1024 * 1024;
const LARGE = new Uint8Array(LIMIT + 2 * 1024 * 1024).fill(0x20);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
const slow = new SlowMethod();

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path, { features: { "plugins-wasm": false } }, { modules: [slow.module] });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

/** The status that `http.request` sees, whatever happens to the rest of its body. */
function upload(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(new URL(path, node.url), { method: "POST", headers, agent: false }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode!));
    });
    call.once("error", reject);
    call.end(LARGE);
  });
}

async function fetchStatus(path: string, init: RequestInit = {}): Promise<number> {
  const response = await fetch(new URL(path, node.url), { method: "POST", body: LARGE, ...init });
  expect(await response.json()).toMatchObject({ error: { requestId: response.headers.get("x-request-id") } });
  return response.status;
}

describe("a refusal before the body has arrived reaches the client", () => {
  const times = Array.from({ length: 16 }, (_, index) => index);
  // A stream has no length to announce.
  const stream = () =>
    ({
      duplex: "half",
      body: new ReadableStream({
        pull(controller) {
          controller.enqueue(LARGE);
          controller.close();
        },
      }),
    }) as RequestInit;

  it("a body over the limit, announced, from fetch", async () => {
    const seen: number[] = [];
    for (const _ of times) seen.push(await fetchStatus("/rpc/kv.get"));
    expect(seen).toEqual(times.map(() => 413));
  });

  it("a body over the limit, not announced, from fetch", async () => {
    const seen: number[] = [];
    for (const _ of times) seen.push(await fetchStatus("/rpc/kv.get", stream()));
    expect(seen).toEqual(times.map(() => 413));
  });

  it.each([
    ["announced", { "content-length": String(LARGE.length) }],
    ["not announced", { "transfer-encoding": "chunked" }],
  ])("a body over the limit, %s, from http.request", async (_what, headers) => {
    const seen: number[] = [];
    for (const _ of times) seen.push(await upload("/rpc/kv.get", headers as Record<string, string>));
    expect(seen).toEqual(times.map(() => 413));
  });

  it("a foreign site, an unknown path, a wrong verb", async () => {
    const seen: number[] = [];
    for (const _ of times.slice(0, 4)) {
      seen.push(await upload("/rpc/kv.get", { host: "evil.example" }));
      seen.push(await upload("/rpc/kv.get", { origin: "http://evil.example" }));
      seen.push(await fetchStatus("/nowhere"));
      seen.push(await fetchStatus("/healthz"));
    }
    expect(seen).toEqual(times.slice(0, 4).flatMap(() => [403, 403, 404, 405]));
  });

  it("ends the connection after what is left of the body was read", async () => {
    const head = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n";
    const { socket, ended } = await connect(node.url, head + "x".repeat(1000));
    await new Promise((resolve) => socket.once("data", resolve));
    socket.write("x".repeat(99_000));
    // A request behind it comes too late: the answer said that it is the last.
    socket.write("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const answers = answersIn(await ended);
    expect(answers).toHaveLength(1);
    expect(answers[0]!.header("connection")).toBe("close");
    expectErrorShape(answers[0]!, 404, "METHOD_NOT_FOUND");
  });

  it("ends the connection of a client that falls silent", async () => {
    expectErrorShape(
      await raw(node.url, "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{"),
      404,
      "METHOD_NOT_FOUND",
    );
  });

  it("ends the connection of a client that sends without end", async () => {
    const { socket, ended } = await connect(
      node.url,
      "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(0x100000), Buffer.from("\r\n")]);
    let sent = 0;
    await new Promise<void>((resolve) => {
      const send = () => {
        sent += chunk.length;
        socket.write(chunk, (error) => (error ? resolve() : send()));
      };
      socket.once("close", () => resolve());
      send();
    });
    const [answer] = answersIn(await ended.catch(() => "")) as [ReturnType<typeof answersIn>[number]?];
    if (answer) expectErrorShape(answer, 404, "METHOD_NOT_FOUND");
    expect(sent).toBeGreaterThan(1024 * 1024);
  });

  it("answers a client that has closed its own side", async () => {
    const texts = [
      "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}",
      "POST /rpc/kv.get HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}",
      "GET /healthz HTTP/1.1\r\n\r\n",
      "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ];
    const seen: number[] = [];
    for (const text of texts) {
      const { socket, ended } = await connect(node.url);
      socket.end(text);
      seen.push(...answersIn(await ended).map(({ status }) => status));
    }
    expect(seen).toEqual([404, 400, 400, 200]);
  });

  it("keeps the connection where the whole request had arrived", async () => {
    const one = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
    const { socket, ended } = await connect(node.url, one);
    await new Promise((resolve) => socket.once("data", resolve));
    socket.write("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    expect(answersIn(await ended).map(({ status }) => status)).toEqual([404, 200]);
  });
});

describe("a refusal has the shape of every error", () => {
  const host = "host: localhost\r\n";
  const body = (headers: string, rest = "") => `POST /rpc/kv.get HTTP/1.1\r\n${host}${headers}\r\n\r\n${rest}`;
  it.each([
    ["no host", "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n", 400, "INVALID_PARAMS"],
    [
      "two hosts",
      `GET /healthz HTTP/1.1\r\n${host}host: localhost\r\nconnection: close\r\n\r\n`,
      400,
      "INVALID_PARAMS",
    ],
    ["another expectation", body("expect: gold\r\nconnection: close"), 417, "EXPECTATION_FAILED"],
    [
      "an expectation and a body",
      body("expect: gold\r\nconnection: close\r\ncontent-length: 2", "{}"),
      417,
      "EXPECTATION_FAILED",
    ],
    ["an unknown transfer encoding", body("transfer-encoding: gzip", "{}"), 400, "INVALID_PARAMS"],
    [
      "a length and chunks",
      body("content-length: 2\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
      400,
      "INVALID_PARAMS",
    ],
    ["chunks that are not last", body("transfer-encoding: chunked, gzip", "0\r\n\r\n"), 400, "INVALID_PARAMS"],
    ["a signed length", body("content-length: +2", "{}"), 400, "INVALID_PARAMS"],
    ["a chunk that is no number", body("transfer-encoding: chunked", "0x2\r\n{}\r\n0\r\n\r\n"), 400, "INVALID_PARAMS"],
    ["a folded header", body("a: b\r\n c", ""), 400, "INVALID_PARAMS"],
    ["a space before the colon", body("content-length : 2", "{}"), 400, "INVALID_PARAMS"],
    ["a tunnel", `CONNECT example.org:443 HTTP/1.1\r\n${host}\r\n`, 405, "VERB_NOT_ALLOWED"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "INVALID_PARAMS"],
    ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\r\n\r\n", 400, "INVALID_PARAMS"],
    [
      "a foreign absolute target",
      `GET http://evil.example/healthz HTTP/1.1\r\n${host}connection: close\r\n\r\n`,
      403,
      "PERMISSION_DENIED",
    ],
  ])("%s", async (_what, text, status, code) => {
    expectErrorShape(await raw(node.url, text), status, code);
    expect(await http(node.url, "/healthz", { method: "GET" })).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  it("a body that is too large is refused before it is asked for", async () => {
    const huge = body(`expect: 100-continue\r\ncontent-length: ${60 * 1024 * 1024}`);
    expectErrorShape(await raw(node.url, huge), 413, "PAYLOAD_TOO_LARGE");
  });

  it("a body that will be read is asked for, one that will not is not", async () => {
    const headers = "expect: 100-continue\r\ncontent-length: 2\r\nconnection: close";
    const asked = await connect(node.url, `POST /rpc/node.info HTTP/1.1\r\n${host}${headers}\r\n\r\n`);
    const first = await new Promise<Buffer>((resolve) => asked.socket.once("data", resolve));
    expect(String(first)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    asked.socket.write("{}");
    expect(answersIn((await asked.ended).slice(first.length))).toMatchObject([{ status: 200 }]);
    expectErrorShape(
      await raw(node.url, `POST /nowhere HTTP/1.1\r\n${host}${headers}\r\n\r\n`),
      404,
      "METHOD_NOT_FOUND",
    );
  });

  it("what cannot be read behind a sound request is refused after that was answered", async () => {
    const called = slow.called();
    const sound = `POST /rpc/slow.call HTTP/1.1\r\n${host}content-length: 2\r\n\r\n{}`;
    const { ended } = await connect(node.url, `${sound}\u0000garbage\r\n\r\n`);
    await called;
    slow.release();
    const answers = answersIn(await ended);
    expect(answers).toHaveLength(2);
    expect(answers[0]).toMatchObject({ status: 200, body: "released" });
    expectErrorShape(answers[1]!, 400, "INVALID_PARAMS");
  });

  it("an offer to upgrade is not taken, the request is answered", async () => {
    for (const protocol of ["websocket", "h2c", "TLS/1.0"]) {
      const text = `GET /healthz HTTP/1.1\r\n${host}connection: upgrade, close\r\nupgrade: ${protocol}\r\n\r\n`;
      expect(await raw(node.url, text)).toMatchObject({ status: 200, body: { status: "ok" } });
    }
  });
});

describe("the host of a request", () => {
  it.each([
    "localhost.",
    "LocalHost",
    "localhost:",
    "127.0.0.1:",
    "127.1.2.3",
    "[::1]",
    "[::1]:",
    "[0:0:0:0:0:0:0:1]:80",
    "[::ffff:127.0.0.1]",
  ])("%s is a loopback name", async (name) => {
    const text = `GET /healthz HTTP/1.1\r\nhost: ${name}\r\nconnection: close\r\n\r\n`;
    expect(await raw(node.url, text)).toMatchObject({ status: 200 });
    const own = `GET /healthz HTTP/1.1\r\nhost: ${name}\r\norigin: http://${name}\r\nconnection: close\r\n\r\n`;
    expect(await raw(node.url, own)).toMatchObject({ status: 200 });
  });

  it.each([
    "",
    "localhost..",
    "localhost.evil.example",
    "[::1].evil.example",
    "[::2]",
    "[::ffff:10.0.0.1]",
    "127.0.0.1:80:80",
    "0x7f.1",
    "::1",
  ])("%j is not", async (name) => {
    const text = `GET /healthz HTTP/1.1\r\nhost: ${name}\r\nconnection: close\r\n\r\n`;
    expectErrorShape(await raw(node.url, text), 403, "PERMISSION_DENIED");
  });

  it("may be missing in HTTP/1.0, where no browser is", async () => {
    expect(await raw(node.url, "GET /healthz HTTP/1.0\r\n\r\n")).toMatchObject({ status: 200 });
    expectErrorShape(
      await raw(node.url, "GET /healthz HTTP/1.0\r\norigin: http://localhost\r\n\r\n"),
      403,
      "PERMISSION_DENIED",
    );
    expectErrorShape(await raw(node.url, "GET /healthz HTTP/1.0\r\nhost: evil\r\n\r\n"), 403, "PERMISSION_DENIED");
  });
});
