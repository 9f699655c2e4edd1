import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { AspenError } from "@aspen/plugin-api";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { generate } from "selfsigned";
import { OutboundClient, type OutboundOptions, type OutboundRequest } from "../src/outbound/index.js";

const servers: Server[] = [];
const clients: OutboundClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client[Symbol.asyncDispose]();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

/** A server on a free port, and the requests that reached it. */
async function serve(listener: RequestListener, { host = "127.0.0.1", port = 0 } = {}) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    listener(request, response);
  });
  let connections = 0;
  server.on("connection", () => connections++);
  server.listen(port, host);
  servers.push(server);
  await once(server, "listening");
  const { port: bound } = server.address() as AddressInfo;
  return { port: bound, asked, connections: () => connections, url: `http://127.0.0.1:${bound}/` };
}

/** A client that may reach this machine's servers. */
function client(options: OutboundOptions = {}): OutboundClient {
  const made = new OutboundClient({ addresses: ["127.0.0.1"], ports: "any", ...options });
  clients.push(made);
  return made;
}

async function text(asked: OutboundClient, url: string, request: OutboundRequest = {}): Promise<string> {
  const response = await asked.request(url, request);
  return Buffer.from(await response.bytes()).toString();
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: { code?: string } = await promise.then(
    () => ({ code: "answered" }),
    (thrown) => thrown,
  );
  return error.code ?? String(error);
}

async function readAll(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const part of request) body += part;
  return body;
}

describe("addresses that are not public", () => {
  const FORBIDDEN = [
    // This machine, in each form that a URL takes.
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "①②⑦.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    // Unspecified: the machine itself on most systems.
    "0.0.0.0",
    "0",
    "0.1.2.3",
    "[::]",
    // Private, a carrier's, of one link.
    "10.0.0.1",
    "10.255.255.255",
    "0x0a000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "[fe80::1]",
    "[febf::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fdff:ffff::1]",
    // IPv4 in forms of IPv6: mapped, compatible, translated, 6to4, Teredo.
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::8.8.8.8]",
    "[64:ff9b:1::10.0.0.1]",
    "[2002:7f00:1::1]",
    "[2001:0:7f00:1::1]",
    // Groups, broadcast, reserved, documentation, benchmarks.
    "224.0.0.1",
    "239.255.255.255",
    "[ff02::1]",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "[2001:db8::1]",
    "[3fff::1]",
    "[2001:2::1]",
    "[2001:10::1]",
    "[100::1]",
    "[5f00::1]",
    "[4000::1]",
    "[fe00::1]",
  ];

  test.each(FORBIDDEN)("%s is refused in a URL", async (host) => {
    expect(await codeOf(client({ addresses: [] }).request(`http://${host}/`))).toBe("OUTBOUND_ADDRESS_DENIED");
  });

  test("they are refused when a name resolves to one of them, also beside a public one", async () => {
    const plain = FORBIDDEN.map((host) => new URL(`http://${host}/`).hostname.replace(/^\[|\]$/g, ""));
    for (const address of plain) {
      for (const addresses of [[address], ["93.184.215.14", address], [address, "93.184.215.14"]]) {
        const asked = client({ addresses: [], resolve: async () => addresses });
        expect([address, await codeOf(asked.request("http://rebound.example/"))]).toEqual([
          address,
          "OUTBOUND_ADDRESS_DENIED",
        ]);
      }
    }
  });

  test("what a resolver gives that is no address is refused", async () => {
    for (const address of ["", "localhost", "127.1", "fe80::1%lo", "1.2.3.4 ", "0x7f.1"]) {
      const asked = client({ addresses: [], resolve: async () => [address] });
      expect(await codeOf(asked.request("http://odd.example/"))).toBe("OUTBOUND_ADDRESS_DENIED");
    }
  });

  test("one is reached by its grant, in any form of a URL and under a name, and no other is", async () => {
    const server = await serve((_request, response) => response.end("inside"));
    const asked = client({ addresses: ["127.0.0.1"], resolve: async () => ["127.0.0.1"] });
    for (const host of ["127.0.0.1", "2130706433", "inner.example"]) {
      expect(await text(asked, `http://${host}:${server.port}/`)).toBe("inside");
    }
    for (const host of ["127.0.0.2", "[::1]", "[::ffff:127.0.0.1]"]) {
      expect(await codeOf(asked.request(`http://${host}:${server.port}/`))).toBe("OUTBOUND_ADDRESS_DENIED");
    }
    const ofPort = client({
      addresses: [{ network: "127.0.0.1", ports: [server.port] }],
      resolve: async () => ["127.0.0.1"],
    });
    expect(await text(ofPort, `http://inner.example:${server.port}/`)).toBe("inside");
    expect(await codeOf(ofPort.request(`http://inner.example:${server.port - 1}/`))).toBe("OUTBOUND_ADDRESS_DENIED");
    expect(await codeOf(ofPort.request(`http://127.0.0.1:${server.port - 1}/`))).toBe("OUTBOUND_ADDRESS_DENIED");
    const network = client({ addresses: ["127.0.0.0/8"] });
    expect(await text(network, server.url)).toBe("inside");
    expect(() => client({ addresses: ["localhost"] })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    expect(() => client({ addresses: ["127.1"] })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});

describe("names", () => {
  test("a name that changes between check and connect is connected to where it was checked", async () => {
    const checked = await serve((request, response) => response.end(`checked ${request.headers.host}`), {
      host: "127.0.0.2",
    });
    const inner = await serve((_request, response) => response.end("secret"), { port: checked.port });
    const answers = ["127.0.0.2", "127.0.0.1"];
    let lookups = 0;
    const asked = client({
      addresses: ["127.0.0.2"],
      resolve: async () => [answers[Math.min(lookups++, 1)]!],
    });
    const url = `http://changes.example:${checked.port}/`;
    expect(await text(asked, url)).toBe(`checked changes.example:${checked.port}`);
    expect(lookups).toBe(1);
    // A second connection asks again, and is refused by what it is told then.
    const other = client({ addresses: ["127.0.0.2"], resolve: async () => ["127.0.0.1"] });
    expect(await codeOf(other.request(url))).toBe("OUTBOUND_ADDRESS_DENIED");
    expect(inner.connections()).toBe(0);
  });

  test("a name without an address, and one whose look-up fails or hangs", async () => {
    expect(await codeOf(client({ resolve: async () => [] }).request("http://nowhere.example/"))).toBe(
      "OUTBOUND_UNRESOLVED",
    );
    const failing = client({ resolve: () => Promise.reject(new Error("SERVFAIL")) });
    expect(await codeOf(failing.request("http://nowhere.example/"))).toBe("OUTBOUND_UNRESOLVED");
    const hanging = client({ resolve: () => new Promise(() => undefined), timeoutMs: 50 });
    expect(await codeOf(hanging.request("http://slow.example/"))).toBe("OUTBOUND_TIMEOUT");
  });

  test("DNS is asked without the hosts file", async () => {
    expect(await codeOf(client({ timeoutMs: 5000 }).request("http://localhost.invalid/"))).toMatch(
      /OUTBOUND_UNRESOLVED|OUTBOUND_TIMEOUT/,
    );
  });
});

describe("URLs, headers and methods", () => {
  test.each([
    ["ftp://example.com/", "OUTBOUND_URL_INVALID"],
    ["file:///etc/passwd", "OUTBOUND_URL_INVALID"],
    ["data:text/plain,x", "OUTBOUND_URL_INVALID"],
    ["gopher://example.com/", "OUTBOUND_URL_INVALID"],
    ["//example.com/", "OUTBOUND_URL_INVALID"],
    ["/path", "OUTBOUND_URL_INVALID"],
    ["http://", "OUTBOUND_URL_INVALID"],
    ["http://1.2.3.4.5/", "OUTBOUND_URL_INVALID"],
    ["http://[fe80::1%25lo]/", "OUTBOUND_URL_INVALID"],
    ["http://name:word@example.com/", "OUTBOUND_URL_INVALID"],
    ["http://name@example.com/", "OUTBOUND_URL_INVALID"],
    [`http://example.com/${"x".repeat(9000)}`, "OUTBOUND_URL_INVALID"],
    ["http://example.com:22/", "OUTBOUND_PORT_DENIED"],
    ["https://example.com:6379/", "OUTBOUND_PORT_DENIED"],
    ["http://127.0.0.1:8080/", "OUTBOUND_PORT_DENIED"],
  ])("%s is refused", async (url, code) => {
    expect(await codeOf(client({ ports: [80, 443], timeoutMs: 5000 }).request(url))).toBe(code);
  });

  test("a scheme that the client does not allow is refused", async () => {
    expect(await codeOf(client({ protocols: ["https:"] }).request("http://127.0.0.1/"))).toBe("OUTBOUND_URL_INVALID");
  });

  test.each([
    [{ method: "CONNECT" }],
    [{ method: "trace" }],
    [{ method: "GET /x HTTP/1.1\r\nhost: y\r\n\r\n" }],
    [{ headers: { host: "inner.example" } }],
    [{ headers: { "Content-Length": "3" } }],
    [{ headers: { "Transfer-Encoding": "chunked" } }],
    [{ headers: { Connection: "upgrade" } }],
    [{ headers: { "Proxy-Authorization": "x" } }],
    [{ headers: { "x-a": "b\r\nx-c: d" } }],
    [{ headers: { "x a": "b" } }],
    [{ method: "GET", body: "x" }],
  ])("%j is refused and nothing is sent", async (request) => {
    const server = await serve((_request, response) => response.end());
    expect(await codeOf(client().request(server.url, request as OutboundRequest))).toBe("INVALID_PARAMS");
    expect(server.connections()).toBe(0);
  });

  test("a URL may be refused by who asks, before its name is looked up", async () => {
    let lookups = 0;
    const asked = client({ resolve: async () => [`127.0.0.${++lookups}`] });
    const refused = asked.request("http://other.example/", {
      assertAllowed: () => {
        throw new AspenError("NOT_MINE", "no");
      },
    });
    expect(await codeOf(refused)).toBe("NOT_MINE");
    expect(lookups).toBe(0);
  });
});

describe("requests and answers", () => {
  test("method, headers, body and answer go over as they are", async () => {
    const server = await serve(async (request, response) => {
      const body = await readAll(request);
      response.writeHead(201, { "x-two": ["a", "b"], "content-type": "text/plain" });
      response.end(`${request.method} ${request.url} ${request.headers["x-mine"]} ${body}`);
    });
    const response = await client().request(`${server.url}a?b=c#d`, {
      method: "put",
      headers: [["X-Mine", "1"]],
      body: "hé",
    });
    expect(response.status).toBe(201);
    expect(response.header("Content-Type")).toBe("text/plain");
    expect(response.headers.filter(([name]) => name === "x-two")).toEqual([
      ["x-two", "a"],
      ["x-two", "b"],
    ]);
    expect(Buffer.from(await response.bytes()).toString()).toBe("PUT /a?b=c 1 hé");
    expect(await codeOf(response.bytes())).toBe("INVALID_PARAMS");
  });

  test("bodies are streamed both ways", async () => {
    const server = await serve((request, response) => request.pipe(response));
    async function* parts() {
      for (let part = 0; part < 100; part++) yield Buffer.alloc(10_000, part);
    }
    const response = await client().request(server.url, { method: "POST", body: parts() });
    let bytes = 0;
    for await (const part of response.body()) bytes += part.length;
    expect(bytes).toBe(1_000_000);
  });

  test("too large bodies end with a code, announced or not", async () => {
    const endless = await serve((_request, response) => {
      const more = () => {
        while (response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", more);
      more();
    });
    const asked = client({ responseBytes: 300_000, requestBytes: 1000 });
    expect(await codeOf(text(asked, endless.url))).toBe("PAYLOAD_TOO_LARGE");
    const announced = await serve((_request, response) =>
      response.writeHead(200, { "content-length": 300_001 }).flushHeaders(),
    );
    expect(await codeOf(asked.request(announced.url))).toBe("PAYLOAD_TOO_LARGE");
    expect(await codeOf(asked.request(endless.url, { method: "POST", body: "x".repeat(1001) }))).toBe(
      "PAYLOAD_TOO_LARGE",
    );
    const reader = await serve((request) => request.resume());
    async function* more() {
      for (;;) yield Buffer.alloc(600);
    }
    expect(await codeOf(asked.request(reader.url, { method: "POST", body: more() }))).toBe("PAYLOAD_TOO_LARGE");
    const headers = await serve((_request, response) => {
      for (let one = 0; one < 100; one++) response.setHeader(`x-${one}`, "x".repeat(500));
      response.end();
    });
    expect(await codeOf(asked.request(headers.url))).toBe("PAYLOAD_TOO_LARGE");
  });

  test("silence, a body that stops, and a slow one end at the time limit", async () => {
    const silent = await serve(() => undefined);
    expect(await codeOf(client({ timeoutMs: 100 }).request(silent.url))).toBe("OUTBOUND_TIMEOUT");
    const stopping = await serve((_request, response) => response.writeHead(200).write("a"));
    expect(await codeOf(text(client(), stopping.url, { timeoutMs: 200 }))).toBe("OUTBOUND_TIMEOUT");
    const dripping = await serve((_request, response) => {
      const timer = setInterval(() => response.write("."), 10);
      response.on("close", () => clearInterval(timer));
    });
    expect(await codeOf(text(client(), dripping.url, { timeoutMs: 200 }))).toBe("OUTBOUND_TIMEOUT");
  });

  test("a signal cancels a request, and the reading of its answer", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/body") response.writeHead(200).write("a");
    });
    const waiting = new AbortController();
    const refused = codeOf(client().request(server.url, { signal: waiting.signal }));
    waiting.abort();
    expect(await refused).toBe("CANCELLED");
    const reading = new AbortController();
    const response = await client().request(`${server.url}body`, { signal: reading.signal });
    const read = codeOf(response.bytes());
    reading.abort();
    expect(await read).toBe("CANCELLED");
    expect(await codeOf(client().request(server.url, { signal: AbortSignal.abort() }))).toBe("CANCELLED");
  });

  test("nobody listens, and a line that breaks", async () => {
    const gone = await serve(() => undefined);
    for (const server of servers.splice(0)) server.close();
    expect(await codeOf(client().request(gone.url))).toBe("OUTBOUND_UNREACHABLE");
    const breaking = await serve((request, response) => {
      response.writeHead(200, { "content-length": 100 }).write("a", () => request.socket.destroy());
    });
    expect(await codeOf(text(client(), breaking.url))).toBe("OUTBOUND_UNREACHABLE");
  });

  test("an answer that is disposed of frees its connection; a closed client asks nothing", async () => {
    const server = await serve((_request, response) => response.writeHead(200).write("a"));
    const asked = client();
    await (await asked.request(server.url))[Symbol.asyncDispose]();
    const open = await asked.request(server.url);
    const read = codeOf(open.bytes());
    await asked[Symbol.asyncDispose]();
    expect(await read).toBe("OUTBOUND_UNREACHABLE");
    expect(await codeOf(asked.request(server.url))).toBe("OUTBOUND_UNREACHABLE");
  });
});

describe("redirects", () => {
  /** Redirects `/to?status=…&url=…`, and tells what reached it anywhere else. */
  async function redirecting(host?: string, port?: number) {
    return await serve(
      async (request, response) => {
        const { pathname, searchParams } = new URL(request.url!, "http://x");
        const body = await readAll(request);
        if (pathname === "/to") {
          response.writeHead(Number(searchParams.get("status") ?? 302), { location: searchParams.get("url")! }).end();
        } else {
          response.end(JSON.stringify({ method: request.method, headers: request.headers, body }));
        }
      },
      { ...(host ? { host } : {}), ...(port ? { port } : {}) },
    );
  }
  const to = (server: { url: string }, url: string, status = 302) =>
    `${server.url}to?status=${status}&url=${encodeURIComponent(url)}`;

  test("are refused unless they are asked for, or given as they are", async () => {
    const server = await redirecting();
    expect(await codeOf(client().request(to(server, "/end")))).toBe("OUTBOUND_REDIRECT_DENIED");
    expect(await codeOf(client({ redirects: 3 }).request(to(server, "/end"), { redirect: "error" }))).toBe(
      "OUTBOUND_REDIRECT_DENIED",
    );
    const manual = await client().request(to(server, "/end"), { redirect: "manual" });
    expect([manual.status, manual.header("location")]).toEqual([302, "/end"]);
    await manual.bytes();
    expect(server.asked.map(({ url }) => url)).not.toContain("/end");
  });

  test("each hop passes the same checks", async () => {
    const server = await redirecting();
    const asked = client({ redirects: 3, resolve: async () => ["10.0.0.1"] });
    for (const [url, code] of [
      ["http://169.254.169.254/latest/meta-data/", "OUTBOUND_ADDRESS_DENIED"],
      ["http://2852039166/", "OUTBOUND_ADDRESS_DENIED"],
      ["http://[::ffff:127.0.0.1]/", "OUTBOUND_ADDRESS_DENIED"],
      ["//127.0.0.2/", "OUTBOUND_ADDRESS_DENIED"],
      ["http://inner.example/", "OUTBOUND_ADDRESS_DENIED"],
      ["file:///etc/passwd", "OUTBOUND_URL_INVALID"],
      ["http://a:b@127.0.0.1/", "OUTBOUND_URL_INVALID"],
    ]) {
      expect([url, await codeOf(asked.request(to(server, url!)))]).toEqual([url, code]);
    }
    const only = client({ redirects: 3, ports: [server.port] });
    expect(await codeOf(only.request(to(server, "http://127.0.0.1:1/")))).toBe("OUTBOUND_PORT_DENIED");
    const mine = (url: URL) => {
      if (url.pathname === "/end") throw new AspenError("NOT_MINE", "no");
    };
    expect(await codeOf(asked.request(to(server, "/end"), { assertAllowed: mine }))).toBe("NOT_MINE");
  });

  test("a ring ends after as many as are followed", async () => {
    const ring = await serve((request, response) => response.writeHead(302, { location: request.url! }).end());
    expect(await codeOf(client({ redirects: 4 }).request(ring.url))).toBe("OUTBOUND_REDIRECT_DENIED");
    expect(ring.asked).toHaveLength(5);
  });

  test("credentials go no further than their origin", async () => {
    const there = await redirecting();
    const here = await redirecting();
    const asked = client({ redirects: 3 });
    const headers = { authorization: "Bearer x", cookie: "a=b", "x-api-key": "k", accept: "text/plain" };
    const same = JSON.parse(await text(asked, to(here, "/end"), { headers }));
    expect(same.headers).toMatchObject(headers);
    const other = JSON.parse(await text(asked, to(here, `${there.url}end`), { headers }));
    expect(other.headers).toMatchObject({ accept: "text/plain" });
    for (const name of ["authorization", "cookie", "x-api-key"]) expect(other.headers).not.toHaveProperty(name);
  });

  test("the method changes as the Fetch standard says", async () => {
    const server = await redirecting();
    const asked = client({ redirects: 3 });
    const post = { method: "POST", body: "hello", headers: { "content-type": "text/x" } };
    for (const status of [301, 302, 303]) {
      const end = JSON.parse(await text(asked, to(server, "/end", status), post));
      expect(end).toMatchObject({ method: "GET", body: "" });
      expect(end.headers).not.toHaveProperty("content-type");
    }
    for (const status of [307, 308]) {
      expect(JSON.parse(await text(asked, to(server, "/end", status), post))).toMatchObject({
        method: "POST",
        body: "hello",
      });
    }
    async function* gone() {
      yield Buffer.from("hello");
    }
    expect(await codeOf(asked.request(to(server, "/end", 307), { method: "POST", body: gone() }))).toBe(
      "OUTBOUND_REDIRECT_DENIED",
    );
  });
});

describe("certificates", () => {
  let authority: { cert: string; private: string };
  let signed: { cert: string; private: string };

  beforeAll(async () => {
    const options = { keyType: "ec", algorithm: "sha256" } as const;
    authority = await generate([{ name: "commonName", value: "authority" }], {
      ...options,
      extensions: [
        { name: "basicConstraints", cA: true },
        { name: "keyUsage", keyCertSign: true, digitalSignature: true },
      ],
    });
    signed = await generate([{ name: "commonName", value: "secure.example" }], {
      ...options,
      extensions: [
        {
          name: "subjectAltName",
          altNames: [
            { type: 2, value: "secure.example" },
            { type: 7, ip: "127.0.0.1" },
          ],
        },
      ],
      ca: { key: authority.private, cert: authority.cert },
    });
  });

  async function secure() {
    const names: unknown[] = [];
    const server = createSecureServer({ key: signed.private, cert: signed.cert }, (request, response) => {
      names.push((request.socket as { servername?: string | false }).servername);
      response.end(`hello ${request.headers.host}`);
    });
    servers.push(server as unknown as Server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { port: (server.address() as AddressInfo).port, names };
  }

  test("are verified for the name of the URL, which the server is told", async () => {
    const { port, names } = await secure();
    const resolve = async () => ["127.0.0.1"];
    const trusting = client({ certificates: [authority.cert], resolve });
    expect(await text(trusting, `https://secure.example:${port}/`)).toBe(`hello secure.example:${port}`);
    expect(await text(trusting, `https://127.0.0.1:${port}/`)).toBe(`hello 127.0.0.1:${port}`);
    expect(names).toEqual(["secure.example", false]);
    expect(await codeOf(trusting.request(`https://other.example:${port}/`))).toBe("OUTBOUND_CERTIFICATE");
    expect(await codeOf(client({ resolve }).request(`https://secure.example:${port}/`))).toBe("OUTBOUND_CERTIFICATE");
    expect(names).toHaveLength(2);
  });
});
