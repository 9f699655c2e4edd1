import { once } from "node:events";
import { createConnection } from "node:net";
import { seededRandom } from "@aspen/storage/testing";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

const REQUESTS = Number(process.env.ASPEN_FUZZ_REQUESTS ?? 1000);
const SEED = Number(process.env.ASPEN_FUZZ_SEED ?? 20_261_127);
const AT_ONCE = 16;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path, { limits: { bodyBytes: 65_536 } });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

/** Requests that are wrong in some way, or just not; the same ones for the same seed. */
class Malformed {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  next(): Buffer {
    const whole = Buffer.from(this.#request(), "latin1");
    const kind = this.#below(6);
    if (kind === 0) return whole.subarray(0, this.#below(whole.length));
    if (kind === 1) return this.#bytes(this.#below(2000));
    if (kind === 2) return this.#changed(whole);
    if (kind === 3) return Buffer.concat([whole, this.#changed(whole), this.#bytes(this.#below(100))]);
    return whole;
  }

  #request(): string {
    const verb = this.#of([
      "POST",
      "POST",
      "POST",
      "POST",
      "GET",
      "GET",
      "PUT",
      "post",
      "CONNECT",
      "OPTIONS",
      "HEAD",
      "P\0ST",
      "",
      "PRI",
      "TRACE",
    ]);
    const path = this.#of([
      ...[
        "/rpc/kv.get",
        "/rpc/kv.get",
        "/rpc/kv.get",
        "/rpc/kv.get",
        "/rpc/kv.get",
        "/rpc",
        "/rpc/kv.scan",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/readyz",
        "/rpc/%zz",
        "*",
      ],
      ...[
        "//",
        "/../../etc/passwd",
        "http://evil.example/rpc",
        `/rpc/${"x".repeat(this.#below(20_000))}`,
        "/rpc/a b",
        "",
      ],
    ]);
    const version = this.#of(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9", "", "HTTP/1.1 "]);
    const body = this.#of([
      ...[
        '{"key":"t:a"}',
        '{"key":"t:a"}',
        '{"key":"t:a"}',
        '{"key":"t:a"}',
        '{"prefix":"t:"}',
        "[]",
        '[[{"method":"kv.get"}]]',
        "{",
        "\u00ff\u00fe",
        "",
        "null",
        "1e400",
      ],
      ...['[{"method":"kv.get","id":1},7,null,[]]', "[".repeat(this.#below(5000)), '{"__proto__":{"key":"t:a"}}'],
    ]);
    const length = this.#of([
      body.length,
      body.length,
      body.length,
      -1,
      1e12,
      "0x10",
      `${body.length}, 5`,
      "",
      body.length + 9,
    ]);
    const headers = [
      this.#of([
        "host: localhost",
        "host: localhost",
        "host: localhost",
        "host: localhost",
        "Host: evil.example",
        "host: a\r\nhost: b",
        "host:",
        "x: y",
      ]),
      ...(this.#random() < 0.9 ? [`content-length: ${length}`] : []),
      ...this.#some([
        "transfer-encoding: chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding : chunked",
        "content-length: 5",
        "accept: application/x-ndjson",
        "accept-encoding: gzip",
        "expect: 100-continue",
        "expect: the worst",
        "connection: upgrade\r\nupgrade: websocket",
        "connection: close",
        `x-aspen-caller: ${this.#of(["", "e30", "%%%", "x".repeat(9000)])}`,
        `x-aspen-via: ${this.#of(["a,b", ",", "x".repeat(200)])}`,
        `x-aspen-timeout-ms: ${this.#of(["1", "-1", "1e9", "99999999999"])}`,
        `traceparent: ${this.#of(["00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "\u00e9"])}`,
        `x-request-id: ${this.#of(["a", "a\tb", "\u0001", "x".repeat(500)])}`,
        `origin: ${this.#of(["null", "http://evil.example", "http://localhost", "::"])}`,
        " folded: yes",
        "no colon",
        `big: ${"x".repeat(this.#below(20_000))}`,
      ]),
    ];
    const chunked = this.#of([
      `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      `zz\r\n${body}`,
      "-1\r\n",
      "ffffffffffffffff\r\nx",
    ]);
    const sent = headers.some((header) => header.includes("chunked")) ? chunked : body;
    const end = this.#of(["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"]);
    return `${verb} ${path} ${version}${end}${headers.join(end)}${end}${end}${sent}`;
  }

  #changed(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    for (let left = 1 + this.#below(8); left > 0 && copy.length > 0; left -= 1)
      copy[this.#below(copy.length)] = this.#below(256);
    return copy;
  }

  #bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.#below(256)));
  }

  #some<T>(all: readonly T[]): T[] {
    return all.filter(() => this.#random() < 0.05);
  }

  #of<T>(all: readonly T[]): T {
    return all[this.#below(all.length)]!;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}

/** What the node says to bytes after which nothing more comes; it has to end the connection. */
async function said(url: string, bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = createConnection(Number(port), hostname);
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part));
  // A reset is an end, too: the node closes while bytes of the request are still under way.
  socket.on("error", () => undefined);
  socket.end(bytes);
  await once(socket, "close");
  return Buffer.concat(parts).toString("latin1");
}

describe("malformed requests", () => {
  it(`are refused, ${REQUESTS} of them, and others are served meanwhile`, async () => {
    const malformed = new Malformed(SEED);
    const statuses = new Map<string, number>();
    let left = REQUESTS;
    const work = async () => {
      while (left > 0) {
        left -= 1;
        const bytes = malformed.next();
        const answer = await said(node.url, bytes);
        const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? (answer === "" ? "none" : "garbage");
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (!/^(none|100|200|4\d\d)$/.test(status))
          throw new Error(`${status} for ${JSON.stringify(bytes.toString("latin1"))}`);
      }
    };
    const serving = async () => {
      while (left > 0) expect((await http(node.url, "/rpc/node.info")).status).toBe(200);
    };
    await Promise.all([...Array.from({ length: AT_ONCE }, work), serving()]);
    // They get beyond the parser, and not all of them.
    expect([...statuses.keys()]).toEqual(expect.arrayContaining(["200", "400", "403", "404", "405"]));
    expect((await http(node.url, "/rpc/node.info")).status).toBe(200);
  });
});
