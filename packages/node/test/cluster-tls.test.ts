import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { AspenNode } from "../src/index.js";
import { type Certificate, certificate, pemFiles } from "./certificates.js";
import { methodOf, sharedStore, startMember, untilNodes } from "./cluster-support.js";

let folder: string;
let ca: Certificate;
let one: AspenNode;
let two: AspenNode;
const store = sharedStore();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aspen-cluster-tls-"));
  ca = await certificate("authority");
  const start = async (name: string) => {
    const own = await certificate(name, ca);
    const paths = await pemFiles(folder, { [`${name}-cert`]: own.cert, [`${name}-key`]: own.private, ca: ca.cert });
    const tls = { cert: paths[`${name}-cert`]!, key: paths[`${name}-key`]!, ca: paths.ca! };
    return startMember(store, { [`test.${name}`]: methodOf(() => `by ${name}`) }, {}, { listen: { port: 0, tls } });
  };
  one = await start("one");
  two = await start("two");
  await untilNodes(one, 1, ({ methods }) => methods.includes("test.two"));
  await untilNodes(two, 1, ({ methods }) => methods.includes("test.one"));
});

afterAll(async () => {
  await two?.[Symbol.asyncDispose]();
  await one?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function call(node: AspenNode, method: string, shown: { cert?: string; key?: string }): Promise<unknown> {
  const agent = new Agent({ ca: ca.cert, ...shown });
  return new Promise((resolve, reject) => {
    const sent = request(`${node.url}/rpc/${method}`, { method: "POST", agent }, (response) => {
      text(response).then((body) => resolve(JSON.parse(body)), reject);
    });
    sent.on("error", reject);
    sent.end("{}");
  });
}

it("nodes whose fronts ask for a certificate pass requests on to each other, and let nobody else in", async () => {
  const client = await certificate("client", ca);
  const shown = { cert: client.cert, key: client.private };
  expect(await call(one, "test.two", shown)).toBe("by two");
  expect(await call(two, "test.one", shown)).toBe("by one");
  expect(await one.inject("test.two")).toBe("by two");
  const stranger = await certificate("stranger", await certificate("another authority"));
  await expect(call(two, "test.one", { cert: stranger.cert, key: stranger.private })).rejects.toThrow();
  await expect(call(two, "test.one", {})).rejects.toThrow();
});

it("a certificate that was replaced is shown by the next connection", async () => {
  const before = await readFile(join(folder, "one-cert.pem"));
  const fresh = await certificate("one", ca);
  await pemFiles(folder, { "one-cert": fresh.cert, "one-key": fresh.private });
  expect(before.toString()).not.toBe(fresh.cert);
  expect(await Promise.all(Array.from({ length: 8 }, () => one.inject("test.two")))).toEqual(Array(8).fill("by two"));
});
