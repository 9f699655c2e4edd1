import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import fc from "fast-check";
import {
  fromWire,
  JsonBytes,
  nodeAddress,
  type RemoteClientOptions,
  RemoteError,
  remoteClient,
  toBase64,
  toWire,
} from "../src/remote.js";

const servers: Server[] = [];

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Seen {
  url: string | undefined;
  headers: IncomingMessage["headers"];
  body: string;
}

/** A server that answers with what it was sent. */
async function mirror(): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const url = await listen(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    seen.push({ url: request.url, headers: request.headers, body });
    response.end(body);
  });
  return { url, seen };
}

const answering = (status: number, body: string) =>
  listen((request, response) => {
    request.resume();
    response.writeHead(status).end(body);
  });

const clientOf = (url: string, options: Partial<RemoteClientOptions> = {}) => remoteClient({ url, ...options });

describe("remoteClient", () => {
  it("sends params as JSON and gives the result", async () => {
    const { url, seen } = await mirror();
    const client = clientOf(`${url}/below/a%20path`);
    expect(await client.call("a.b/c", { x: [1, "ü"] }, { requestId: "my-id.1" })).toEqual({ x: [1, "ü"] });
    expect(await client.call("a.b")).toEqual({});
    expect(seen.map(({ url }) => url)).toEqual(["/below/a%20path/rpc/a.b%2Fc", "/below/a%20path/rpc/a.b"]);
    expect(seen[0]!.headers).toMatchObject({ "content-type": "application/json", "x-request-id": "my-id.1" });
    expect(seen[0]!.headers.authorization).toBeUndefined();
  });

  it("sends JsonBytes as they are, so that -0 stays what it is", async () => {
    const { url, seen } = await mirror();
    const sent = '{"n": -0, "big":1e400}';
    await expect(clientOf(url).call("a.b", new JsonBytes(Buffer.from(sent)))).resolves.toMatchObject({ n: -0 });
    expect(seen[0]!.body).toBe(sent);
  });

  it("says who calls", async () => {
    const { url, seen } = await mirror();
    const withUser = url.replace("//", "//a%40b:p%3Aä@");
    await clientOf(withUser).call("a.b");
    await clientOf(withUser, { authorization: "Bearer t" }).call("a.b");
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([
      `Basic ${Buffer.from("a@b:p:ä").toString("base64")}`,
      "Bearer t",
    ]);
  });

  it("rejects with what the node answered", async () => {
    const error = { code: "KV_CONFLICT", message: "it changed", details: { key: "a" }, requestId: "r-7" };
    const failure = await clientOf(await answering(409, JSON.stringify({ error })))
      .call("kv.cas", {})
      .catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(RemoteError);
    expect(failure).toMatchObject(error);
  });

  it("says that it is no node that answers", async () => {
    for (const [status, body] of [
      [200, "<html>"],
      [404, "[]"],
      [500, "null"],
      [502, '{"error":"bad gateway"}'],
    ] as const) {
      await expect(clientOf(await answering(status, body)).call("a.b")).rejects.toMatchObject({
        code: "NODE_UNREACHABLE",
        message: expect.stringContaining(`not an Aspen node (HTTP ${status})`),
        details: { status },
      });
    }
    const moved = await listen((_request, response) => response.writeHead(302, { location: "/x" }).end());
    await expect(clientOf(moved).call("a.b")).rejects.toMatchObject({ code: "NODE_UNREACHABLE" });
  });

  it("says that nobody is there, and what to do", async () => {
    const url = await answering(200, "{}");
    await new Promise((resolve) => servers.pop()!.close(resolve));
    await expect(clientOf(url).call("a.b")).rejects.toMatchObject({
      code: "NODE_UNREACHABLE",
      message: expect.stringMatching(/ECONNREFUSED.*aspen node start/),
      details: { url: `${url}/` },
    });
  });

  it("says that the outcome is unknown when the connection is lost, before the answer or within it", async () => {
    const before = await listen((request) => request.socket.destroy());
    const within = await listen((request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"a":', () => request.socket.destroy());
    });
    for (const url of [before, within]) {
      await expect(clientOf(url).call("kv.put", {})).rejects.toMatchObject({
        code: "OUTCOME_UNKNOWN",
        message: expect.stringMatching(/"kv.put".*may or may not/),
      });
    }
    // A browser gives no reason.
    const failing = async () => {
      throw new TypeError("Failed to fetch");
    };
    await expect(clientOf(before, { fetch: failing }).call("kv.put", {})).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
      message: expect.stringContaining("Failed to fetch"),
    });
  });

  it("waits no longer than it is told, and stops when the signal aborts", async () => {
    let ended = 0;
    const hanging = await listen((request, response) => {
      response.on("close", () => {
        ended += 1;
      });
      if (request.url!.endsWith("half")) response.writeHead(200).write("{");
    });
    const client = clientOf(hanging, { timeoutMs: 20 });
    for (const method of ["a.none", "a.half"]) {
      await expect(client.call(method)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", details: { ms: 20 } });
    }
    await expect(clientOf(hanging).call("a.none", {}, { timeoutMs: 10 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      details: { method: "a.none", ms: 10 },
    });
    const stop = new AbortController();
    const calls = Array.from({ length: 20 }, () => clientOf(hanging).call("a.none", {}, { signal: stop.signal }));
    stop.abort();
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(clientOf(hanging).call("a.none", {}, { signal: stop.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    expect(ended).toBeGreaterThan(0);
  });

  it("refuses what cannot be sent", async () => {
    const { url, seen } = await mirror();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const params of [circular, { n: 1n }, () => 1]) {
      await expect(clientOf(url).call("a.b", params)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    }
    await expect(clientOf(url).call("a.b", {}, { requestId: "no\nline" })).rejects.toMatchObject({
      code: "INVALID_PARAMS",
      details: { field: "requestId" },
    });
    expect(seen).toEqual([]);
  });

  it("reads no endless answer", async () => {
    const url = await listen((_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024, "1");
      const more = () => {
        while (!response.destroyed && response.write(chunk));
        response.once("drain", more);
      };
      more();
    });
    await expect(clientOf(url).call("a.b")).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });
});

describe("nodeAddress", () => {
  it("gives an address that can be shown", () => {
    expect(nodeAddress("http://ada:secret@[::1]:7070/x")).toEqual({
      url: "http://[::1]:7070/x/",
      authorization: `Basic ${Buffer.from("ada:secret").toString("base64")}`,
    });
    expect(nodeAddress("https://a.example")).toEqual({ url: "https://a.example/" });
  });

  it("refuses what is none, and shows nothing of it", () => {
    for (const text of [
      "",
      "hunter2",
      "ftp://hunter2@h",
      "http://h/?hunter2",
      "http://h#hunter2",
      "http://%zz:hunter2@h",
    ]) {
      expect(() => nodeAddress(text)).toThrow(expect.objectContaining({ code: "INVALID_PARAMS" }) as Error);
      expect(() => nodeAddress(text)).not.toThrow(/hunter2/);
    }
  });
});

describe("wire values", () => {
  it("keep any bytes, as text where they are UTF-8", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(Buffer.compare(fromWire(toWire(bytes)), bytes)).toBe(0);
          expect(Buffer.compare(fromWire(toBase64(bytes)), bytes)).toBe(0);
        },
      ),
    );
    expect(toWire(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))).toBe("\uFEFFa");
    expect(toWire(new Uint8Array([0xff]))).toEqual({ base64: "/w==" });
  });

  it("are refused in any other form", () => {
    for (const value of ["\ud800", ...["***", "/w", "_w==", "/x==", "/w==\n"].map((base64) => ({ base64 }))]) {
      expect(() => fromWire(value)).toThrow(expect.objectContaining({ code: "INVALID_PARAMS" }) as Error);
    }
  });
});

describe("in a browser", () => {
  it("needs nothing of Node", async () => {
    const bundled = await build({
      entryPoints: [new URL("../src/remote.ts", import.meta.url).pathname],
      bundle: true,
      write: false,
      metafile: true,
      format: "iife",
      globalName: "remote",
      platform: "browser",
      conditions: ["@aspen/source"],
      minify: true,
    });
    expect(Object.keys(bundled.metafile.inputs).filter((path) => /zod|reflect-metadata|inversify/.test(path))).toEqual(
      [],
    );
    const code = bundled.outputFiles[0]!.text;
    expect(code).not.toMatch(/["']node:/);
    expect(code.length).toBeLessThan(64 * 1024);

    // A browser's globals, and none of Node's.
    const { url, seen } = await mirror();
    const globals = { fetch, URL, AbortController, AbortSignal, TextDecoder, TextEncoder, atob, btoa };
    const page = createContext({ ...globals, setTimeout, clearTimeout, Uint8Array, address: url });
    const result: unknown = await runInContext(
      `${code}
      remote.remoteClient({ url: address, credentials: "include" })
        .call("kv.put", { key: "a", value: remote.toWire(new Uint8Array([255, 0])) })
        .then(({ value }) => Array.from(remote.fromWire(value)))`,
      page,
    );
    expect(result).toEqual([255, 0]);
    expect(seen[0]!.body).toBe('{"key":"a","value":{"base64":"/wA="}}');
  });
});
