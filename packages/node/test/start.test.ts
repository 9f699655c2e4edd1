import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { POINTS } from "@aspen/feature";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisServer } from "@aspen/storage/testing";
import { ContainerModule } from "inversify";
import { Redis } from "ioredis";
import { NodeProcess } from "./child.js";
import { answersIn, connect, expectErrorShape, raw } from "./raw.js";
import { http, startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

const noPlugins = { features: { "plugins-wasm": false } };

/** A factory that waits until the test lets it go on, as a plugin does that starts slowly. */
function slowStart() {
  let begun!: () => void;
  let goOn!: () => void;
  const started = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const wait = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const module = new ContainerModule(({ bind }) => {
    const create = async () => {
      begun();
      await wait;
      return null;
    };
    bind(POINTS.handlerFactory).toConstantValue({ name: "slow", priority: 500, create });
  });
  return { module, started, goOn };
}

async function takenPort(address = "127.0.0.1") {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  return { port, [Symbol.asyncDispose]: close };
}

describe("the port", () => {
  it("that is taken is found before the store is opened and handlers are made", async () => {
    await using taken = await takenPort();
    const { port } = taken;
    let made = false;
    const module = new ContainerModule(({ bind }) => {
      const create = () => {
        made = true;
        return null;
      };
      bind(POINTS.handlerFactory).toConstantValue({ name: "late", priority: 500, create });
    });
    const failed = startNode(directory.path, { listen: { port } }, { modules: [module] });
    await expect(failed).rejects.toMatchObject({ code: "CONFIG_INVALID", details: { field: "listen.port", port } });
    expect(made).toBe(false);
    // Nothing holds the store.
    await (await EmbeddedStore.open({ directory: directory.path }))[Symbol.asyncDispose]();
  });

  it("answers that the node is starting until it is ready", async () => {
    const { module, started, goOn } = slowStart();
    await using free = await takenPort();
    const { port } = free;
    await free[Symbol.asyncDispose]();
    const url = `http://127.0.0.1:${port}`;
    const starting = startNode(directory.path, { ...noPlugins, listen: { port } }, { modules: [module] });
    await started;
    for (const [method, path] of [
      ["GET", "/healthz"],
      ["POST", "/rpc/node.info"],
    ] as const) {
      const answer = await http(url, path, { method });
      expect(answer).toMatchObject({
        status: 503,
        headers: { "retry-after": "1" },
        body: { error: { code: "NODE_UNREACHABLE", details: { status: "starting" } } },
      });
      expect(answer.body.error.requestId).toBe(answer.headers["x-request-id"]);
    }
    expect(await http(url, "/healthz", { method: "GET", headers: { host: "evil" } })).toMatchObject({ status: 403 });
    // Nobody knows yet which paths there will be.
    expect(await http(url, "/nowhere")).toMatchObject({ status: 503 });
    goOn();
    await using node = await starting;
    expect(node.url).toBe(url);
    expect(await http(url, "/healthz", { method: "GET" })).toMatchObject({ status: 200, body: { status: "ok" } });
  });
});

describe("a name that stands for several addresses", () => {
  const lookup = async () => ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));
  const second = (url: string) => `http://127.0.0.2:${new URL(url).port}`;

  it("is served on each in the same way", async () => {
    await using node = await startNode(
      directory.path,
      { ...noPlugins, listen: { host: "localhost", port: 0 } },
      { lookup },
    );
    for (const url of [node.url, second(node.url)]) {
      expect(await http(url, "/rpc/node.info", { body: "{}" })).toMatchObject({ status: 200, body: { id: node.id } });
      expectErrorShape(await raw(url, "\u0000garbage\r\n\r\n"), 400, "INVALID_PARAMS");
      expectErrorShape(await raw(url, `GET / HTTP/1.1\r\nx: ${"y".repeat(100_000)}\r\n\r\n`), 431, "HEADERS_TOO_LARGE");
      const expects = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nexpect: gold\r\nconnection: close\r\n\r\n";
      expectErrorShape(await raw(url, expects), 417, "EXPECTATION_FAILED");
    }
  });

  it("has the same limit of time on each", async () => {
    const config = { ...noPlugins, listen: { host: "localhost", port: 0 }, limits: { requestTimeoutMs: 200 } };
    await using node = await startNode(directory.path, config, { lookup });
    for (const url of [node.url, second(node.url)]) {
      expectErrorShape(await raw(url, "GET /healthz HT"), 408, "REQUEST_TIMEOUT");
    }
  });

  it("is closed on each: half a request keeps nothing open", async () => {
    const node = await startNode(directory.path, { ...noPlugins, listen: { host: "localhost", port: 0 } }, { lookup });
    const halves = [await connect(node.url, "GET /healthz HT"), await connect(second(node.url), "GET /healthz HT")];
    await node[Symbol.asyncDispose]();
    for (const { ended } of halves) expectErrorShape(answersIn(await ended)[0]!, 503, "NODE_UNREACHABLE");
    for (const url of [node.url, second(node.url)]) {
      await expect(http(url, "/healthz", { method: "GET" })).rejects.toMatchObject({ code: "ECONNREFUSED" });
    }
  });

  it("is refused when its port is taken on one of them, and nothing is left open on the others", async () => {
    await using taken = await takenPort("127.0.0.2");
    const { port } = taken;
    const failed = startNode(directory.path, { listen: { host: "localhost", port } }, { lookup });
    await expect(failed).rejects.toMatchObject({ code: "CONFIG_INVALID", details: { field: "listen.port" } });
    await expect(http(`http://127.0.0.1:${port}`, "/healthz")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("goes without an address that this machine lacks", async () => {
    const both = async () => [
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 },
    ];
    const listen = { host: "localhost", port: 0 };
    await using node = await startNode(directory.path, { ...noPlugins, listen }, { lookup: both });
    const six = http(`http://[::1]:${new URL(node.url).port}`, "/healthz", { method: "GET" });
    const has = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
    if (has) expect(await six).toMatchObject({ status: 200 });
    else await expect(six).rejects.toThrow();
    expect(await http(node.url, "/healthz", { method: "GET" })).toMatchObject({ status: 200 });
  });

  it("is refused when it has none, or one that others reach", async () => {
    const listen = { host: "localhost", port: 0 };
    const foreign = async () => [
      { address: "127.0.0.1", family: 4 },
      { address: "192.0.2.1", family: 4 },
    ];
    await expect(startNode(directory.path, { listen }, { lookup: foreign })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      details: { field: "listen.host", address: "192.0.2.1" },
    });
    await expect(startNode(directory.path, { listen }, { lookup: async () => [] })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      details: { field: "listen.host" },
    });
  });
});

describe("a process in which createNode failed ends by itself", () => {
  /** Far below the 30 s for which a start waits for its plugins. */
  const SOON_MS = 10_000;

  async function expectEnd(node: NodeProcess, failed: unknown) {
    expect(await node.said("failed")).toEqual(failed);
    const since = performance.now();
    expect(await node.ended).toBe(0);
    expect(performance.now() - since).toBeLessThan(SOON_MS);
  }

  it("a taken port", async () => {
    await using taken = await takenPort();
    await using node = NodeProcess.start({ dataDir: directory.path, listen: { port: taken.port } });
    await expectEnd(node, "CONFIG_INVALID");
  });

  it("a data directory that is a file", async () => {
    const file = join(directory.path, "file");
    await writeFile(file, "");
    await using node = NodeProcess.start({ dataDir: file });
    await expectEnd(node, "STORE_UNAVAILABLE");
  });

  it("a data directory that is in use", async () => {
    await using _store = await EmbeddedStore.open({ directory: directory.path });
    await using node = NodeProcess.start({ dataDir: directory.path });
    await expectEnd(node, "STORE_UNAVAILABLE");
  });

  it("a Redis that is not there", async () => {
    await using taken = await takenPort();
    const { port } = taken;
    await taken[Symbol.asyncDispose]();
    await using node = NodeProcess.start({ redisUrl: `redis://127.0.0.1:${port}` });
    await expectEnd(node, "STORE_UNAVAILABLE");
  });

  it.each(["+@all -evalsha", "+ping +info"])("a Redis whose user has the rights %s", async (rights) => {
    await using server = await RedisServer.start();
    const admin = new Redis(server.url);
    await admin.call("ACL", "SETUSER", "ada", "on", ">secret", "~*", "&*", ...rights.split(" "));
    admin.disconnect();
    const url = new URL(server.url);
    url.username = "ada";
    url.password = "secret";
    await using node = NodeProcess.start({ redisUrl: url.href });
    await expectEnd(node, "STORE_UNAVAILABLE");
  });

  it.each(["module", "factory"])("a %s that throws", async (fault) => {
    for (const features of [{ "plugins-wasm": true }, { "plugins-wasm": false }]) {
      await using node = NodeProcess.start({ dataDir: directory.path, features }, fault);
      await expectEnd(node, "FEATURE_FAILED");
    }
  });

  it("clients that hold a connection do not keep it", async () => {
    await using taken = await takenPort();
    const { port } = taken;
    await taken[Symbol.asyncDispose]();
    // A Redis that accepts and never answers holds the start for some seconds.
    await using silent = await takenPort();
    await using node = NodeProcess.start({ redisUrl: `redis://127.0.0.1:${silent.port}`, listen: { port } });
    const open: Awaited<ReturnType<typeof connect>>[] = [];
    while (open.length < 3) {
      try {
        open.push(
          await connect(
            `http://127.0.0.1:${port}`,
            ["", "GET /hea", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"][open.length],
          ),
        );
      } catch {
        // It does not listen yet.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    await expectEnd(node, "STORE_UNAVAILABLE");
  });
});
