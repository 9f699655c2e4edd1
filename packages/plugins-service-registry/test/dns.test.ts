import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { promisify } from "node:util";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { decode, encode } from "dns-packet";
import fc from "fast-check";
import { SERVICE_REGISTRY } from "../src/feature.js";
import type {} from "../src/index.js";
import { startRegistry, type TestRegistry, until } from "./support.js";

const run = promisify(execFile);
let store: MemoryStore;
let registry: TestRegistry;
let port: number;
beforeAll(async () => {
  store = new MemoryStore();
  registry = await startRegistry(store, {
    config: { registerNode: false, dns: { listen: "127.0.0.1:0", ttlSeconds: 5 } },
  });
  port = registry.container.get(SERVICE_REGISTRY.service).dnsPort!;
  const add = (service: string, id: string, more: object) =>
    registry.client.call("service.register", { service, id, address: "10.0.0.1", port: 80, ttlMs: null, ...more });
  await add("web", "a", { address: "10.0.0.1", port: 8080, weight: 3, tags: ["primary"] });
  await add("web", "b", { address: "10.0.0.2", port: 8081, health: "warning" });
  await add("web", "c", { address: "10.0.0.3", health: "critical" });
  await add("web", "d", { address: "2001:db8::1", port: 8083 });
  await add("alias", "a", { address: "backend.example.com" });
  await add("down", "a", { health: "critical" });
  for (let n = 0; n < 200; n++) await add("large", `i${n}`, { address: `10.1.0.${n}` });
  await until(async () => (await dig("large.service.consul", "A", "+tcp")).length === 200, "all instances");
}, 120_000);
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await store?.[Symbol.asyncDispose]();
});

async function dig(name: string, type: string, ...options: string[]): Promise<string[]> {
  const args = ["@127.0.0.1", "-p", String(port), "+time=5", "+tries=3", "+short", ...options, name, type];
  const { stdout } = await run("dig", args);
  return stdout.split("\n").filter(Boolean).sort();
}

async function whole(name: string, type: string, ...options: string[]): Promise<string> {
  const args = ["@127.0.0.1", "-p", String(port), "+time=5", "+tries=3", ...options, name, type];
  return (await run("dig", args)).stdout;
}

test.each(["+notcp", "+tcp"])("dig finds addresses and ports (%s)", async (way) => {
  expect(await dig("web.service.consul", "A", way)).toEqual(["10.0.0.1", "10.0.0.2"]);
  expect(await dig("web.service.consul", "AAAA", way)).toEqual(["2001:db8::1"]);
  expect(await dig("WEB.Service.dc1.Consul", "A", way)).toEqual(["10.0.0.1", "10.0.0.2"]);
  expect(await dig("web.service.consul", "SRV", way)).toEqual([
    "1 1 8081 0a000002.addr.dc1.consul.",
    "1 1 8083 20010db8000000000000000000000001.addr.dc1.consul.",
    "1 3 8080 0a000001.addr.dc1.consul.",
  ]);
  expect(await dig("primary.web.service.consul", "A", way)).toEqual(["10.0.0.1"]);
  expect(await dig("_web._primary.service.consul", "SRV", way)).toEqual(["1 3 8080 0a000001.addr.dc1.consul."]);
  expect(await dig("_web._tcp.service.consul", "SRV", way)).toHaveLength(3);
  expect(await dig("0a000001.addr.dc1.consul", "A", way)).toEqual(["10.0.0.1"]);
  expect(await dig("20010db8000000000000000000000001.addr.dc1.consul", "AAAA", way)).toEqual(["2001:db8::1"]);
  expect(await dig("alias.service.consul", "A", way)).toEqual(["backend.example.com."]);
});

test("answers say what is not there, and what is not asked here", async () => {
  for (const name of [
    "none.service.consul",
    "down.service.consul",
    "secondary.web.service.consul",
    "web.query.consul",
  ]) {
    const answer = await whole(name, "A");
    expect(answer).toContain("status: NXDOMAIN");
    expect(answer).toMatch(/AUTHORITY SECTION:\nconsul\.\s+5\s+IN\s+SOA/);
  }
  expect(await whole("web.service.consul", "MX")).toMatch(/status: NOERROR.*ANSWER: 0/s);
  expect(await whole("www.example.com", "A")).toContain("status: REFUSED");
  expect(await whole("consul", "SOA")).toMatch(/consul\.\s+5\s+IN\s+SOA\s+ns\.consul/);
  const answer = await whole("web.service.consul", "SRV");
  expect(answer).toMatch(/flags: qr aa rd;/);
  expect(answer).toMatch(/0a000001\.addr\.dc1\.consul\.\s+5\s+IN\s+A\s+10\.0\.0\.1/);
});

test("an answer that is too long is cut and says so; over TCP it is whole", async () => {
  const cut = await whole("large.service.consul", "A", "+notcp", "+ignore", "+noedns");
  expect(cut).toMatch(/flags: qr aa tc rd;/);
  const size = Number(/MSG SIZE\s+rcvd: (\d+)/.exec(cut)![1]);
  expect(size).toBeLessThanOrEqual(512);
  expect(size).toBeGreaterThan(400);
  const more = await whole("large.service.consul", "A", "+notcp", "+ignore", "+bufsize=1232");
  expect(Number(/MSG SIZE\s+rcvd: (\d+)/.exec(more)![1])).toBeGreaterThan(1100);
  expect(Number(/MSG SIZE\s+rcvd: (\d+)/.exec(more)![1])).toBeLessThanOrEqual(1232);
  // dig asks again over TCP by itself.
  expect(await dig("large.service.consul", "A")).toHaveLength(200);
});

test("what is malformed is refused or dropped, and the next question is answered", async () => {
  const socket = createSocket("udp4");
  const answers: Buffer[] = [];
  socket.on("message", (message) => answers.push(message));
  const send = (message: Uint8Array) =>
    new Promise<void>((resolve) => socket.send(message, port, "127.0.0.1", () => resolve()));
  const good = encode({ type: "query", id: 7, questions: [{ type: "A", name: "web.service.consul" }] });
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 600 }),
          fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
            const broken = Uint8Array.from(good);
            broken[at] = byte;
            return broken;
          }),
          fc.nat(good.length).map((length) => Uint8Array.from(good.subarray(0, length))),
        ),
        send,
      ),
      { numRuns: 500 },
    );
    answers.length = 0;
    await until(async () => {
      await send(good);
      return answers.some((answer) => decode(answer).answers?.length === 2);
    }, "an answer");
    for (const answer of answers) expect((answer.readUInt16BE(2) & 0x8000) !== 0).toBe(true);
    // An answer is never answered: two servers would keep each other busy for ever.
    const count = answers.length;
    await send(encode({ type: "response", id: 8, questions: [{ type: "A", name: "web.service.consul" }] }));
    await send(Buffer.concat([Buffer.from([0, 9]), Buffer.from([0x01, 0x00]), Buffer.alloc(8), Buffer.from([255])]));
    await dig("web.service.consul", "A");
    expect(answers.slice(count).map((answer) => answer.readUInt16BE(0))).not.toContain(8);
  } finally {
    socket.close();
  }
  for (const bytes of [Buffer.from([0xff, 0xff, 1]), Buffer.from([0, 3, 1, 2, 3]), Buffer.alloc(64)]) {
    const tcp = connect(port, "127.0.0.1");
    tcp.on("error", () => undefined);
    await new Promise<void>((resolve) => {
      tcp.on("close", () => resolve());
      tcp.resume();
      tcp.end(bytes);
    });
  }
  expect(await dig("web.service.consul", "A", "+tcp")).toHaveLength(2);
});
