import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { POINTS } from "@aspen/feature";
import { method, methodsHandler } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { z } from "zod";
import type { AspenNode, NodeConfig } from "../src/index.js";
import { NodeProcess } from "./child.js";
import { answersIn, connect } from "./raw.js";
import { startNode, temporaryDirectory } from "./support.js";

const IDLE = Number(process.env.ASPEN_IDLE_CONNECTIONS ?? 2000);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const methods = {
  "test.bytes": method({
    summary: "",
    params: z.strictObject({ count: z.int() }),
    handle: ({ count }) => "x".repeat(count),
  }),
};

const start = (limits: NonNullable<NodeConfig["limits"]>, more: NodeConfig = {}) => {
  const module = new ContainerModule(({ bind }) => {
    const create = () => methodsHandler({ name: "test", priority: 500, methods });
    bind(POINTS.handlerFactory).toConstantValue({ name: "test", priority: 500, create });
  });
  return startNode(directory.path, { limits, ...more }, { modules: [module] });
};

beforeAll(async () => {
  directory = await temporaryDirectory();
});

afterAll(() => directory.remove());

const ask = (node: AspenNode, count = 10, headers: Record<string, string> = {}) =>
  fetch(`${node.url}/rpc/test.bytes`, { method: "POST", body: JSON.stringify({ count }), headers });
/** Connections that are open, but the one that asks. */
const connections = async (node: AspenNode) => {
  const text = await (await fetch(`${node.url}/metrics`, { headers: { connection: "close" } })).text();
  return Number(/^aspen_node_connections (\d+)/m.exec(text)?.[1]) - 1;
};
const post = (count: number) => {
  const body = JSON.stringify({ count });
  return `POST /rpc/test.bytes HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
};

describe("a client that is slow", () => {
  it("to send its request is refused in time, and holds nobody up", async () => {
    await using node = await start({ requestTimeoutMs: 2000 });
    const sockets = await Promise.all(
      Array.from({ length: 50 }, () => connect(node.url, "POST /rpc/test.bytes HTTP/1.1\r\n")),
    );
    // A header line now and then: each connection lives on, no request ever ends.
    const dripping = setInterval(() => {
      for (const { socket } of sockets) if (socket.writable) socket.write("x: y\r\n");
    }, 100);
    try {
      expect((await ask(node)).status).toBe(200);
      for (const { ended } of sockets) {
        const [answer] = answersIn(await ended);
        expect(answer).toMatchObject({ status: 408, body: { error: { code: "REQUEST_TIMEOUT" } } });
      }
    } finally {
      clearInterval(dripping);
    }
    expect((await ask(node)).status).toBe(200);
  });

  it("to take its answer is cut off, and one that takes some of it is not", async () => {
    await using node = await start({ stalledMs: 3000 });
    const bytes = 12 * 1024 * 1024;
    const stalled = await connect(node.url, post(bytes));
    stalled.socket.pause();
    const slow = await connect(node.url, post(bytes));
    const reading = setInterval(() => {
      slow.socket.resume();
      setTimeout(() => slow.socket.pause(), 5);
    }, 200);
    slow.socket.pause();
    try {
      // The node has let go of it: what was not sent is not there.
      while ((await connections(node)) > 1) await delay(50);
      await delay(5000);
      expect(await connections(node)).toBe(1);
      stalled.socket.resume();
      expect((await stalled.ended.catch(() => "")).length).toBeLessThan(bytes);
    } finally {
      clearInterval(reading);
    }
    slow.socket.destroy();
    expect((await ask(node)).status).toBe(200);
  });
});

describe("many clients", () => {
  it("that send nothing leave others served", async () => {
    // In a process of its own: both ends of so many are more than one may have open.
    await using node = NodeProcess.start({ dataDir: directory.path });
    const url = String(await node.said("url"));
    const { hostname, port } = new URL(url);
    const idle: Socket[] = [];
    try {
      for (let at = 0; at < IDLE; at += 1) {
        const socket = createConnection(Number(port), hostname);
        socket.on("error", () => undefined);
        idle.push(socket);
        if (at % 100 === 0) await once(socket, "connect");
      }
      await Promise.all(idle.map((socket) => (socket.connecting ? once(socket, "connect") : null)));
      for (let at = 0; at < 20; at += 1)
        expect((await fetch(`${url}/rpc/node.info`, { method: "POST" })).status).toBe(200);
      expect(idle.every((socket) => !socket.destroyed)).toBe(true);
    } finally {
      for (const socket of idle) socket.destroy();
    }
  });

  it("over the limit are closed at once, and counted", async () => {
    await using node = await start({ connections: 3 });
    const some = await Promise.all([1, 2, 3].map(() => connect(node.url)));
    const more = createConnection(Number(new URL(node.url).port), "127.0.0.1");
    more.on("error", () => undefined);
    await once(more, "close");
    some[0]!.socket.destroy();
    let text = "";
    while (text === "") {
      const answer = await fetch(`${node.url}/metrics`).catch(() => null);
      text = (await answer?.text()) ?? "";
    }
    expect(Number(/^aspen_node_connections_refused_total (\d+)/m.exec(text)?.[1])).toBeGreaterThan(0);
    for (const { socket } of some) socket.destroy();
  });
});

describe("a large answer", () => {
  it("comes in gzip to who takes it", async () => {
    await using node = await start({ gzipBytes: 1000 });
    const raw = async (count: number, accept: string) => {
      const body = JSON.stringify({ count });
      const head = `POST /rpc/test.bytes HTTP/1.1\r\nhost: localhost\r\naccept-encoding: ${accept}\r\n`;
      const { socket } = await connect(
        node.url,
        `${head}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      const parts: Buffer[] = [];
      socket.on("data", (part) => parts.push(part));
      await once(socket, "close");
      const all = Buffer.concat(parts);
      const end = all.indexOf("\r\n\r\n");
      return { head: all.subarray(0, end).toString("latin1"), body: all.subarray(end + 4) };
    };
    for (const accept of ["gzip", "deflate, GZIP;q=0.5", "*"]) {
      const { head, body } = await raw(5000, accept);
      expect(head).toMatch(/^content-encoding: gzip\r?$/im);
      expect(head).toMatch(/^vary: accept-encoding\r?$/im);
      expect(head).toMatch(new RegExp(`^content-length: ${body.length}\\r?$`, "im"));
      expect(JSON.parse(gunzipSync(body).toString())).toHaveLength(5000);
    }
    for (const accept of ["identity", "gzip;q=0", "*;q=0", "br"]) {
      const { head, body } = await raw(5000, accept);
      expect(head).not.toMatch(/content-encoding/i);
      expect(JSON.parse(body.toString())).toHaveLength(5000);
    }
    expect((await raw(10, "gzip")).head).not.toMatch(/content-encoding|vary/i);
    expect(await (await ask(node, 100_000)).json()).toHaveLength(100_000);
  });
});
