import { fileURLToPath } from "node:url";
import { POINTS } from "@aspen/feature";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ContainerModule } from "inversify";
import { pino } from "pino";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

interface Line {
  level: number;
  msg: string;
  requestId?: string;
  plugin?: string;
  err?: { stack: string };
  fields?: Record<string, string>;
}

const lines: Line[] = [];
const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
const of = (requestId: string) => lines.filter((line) => line.requestId === requestId);

const breaking = new ContainerModule(({ bind }) => {
  bind(POINTS.handlerFactory).toConstantValue({
    name: "breaking",
    priority: 150,
    create: () => ({
      name: "breaking",
      priority: 150,
      methods: [],
      canHandle: (method: string) => method === "test.break",
      handle: () => Promise.reject(new Error("secret detail", { cause: new Error("deeper") })),
    }),
  });
});

describe("what fails is in the log once, under its request id", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let node: AspenNode;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    node = await startNode(directory.path, {}, { log, modules: [breaking] });
    const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/rogue", import.meta.url)));
    await node.inject("plugin.install", {
      manifest,
      artifacts: [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }],
    });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await directory.remove();
  });

  test("a defect that is met by inject or by the client", async () => {
    for (const [at, call] of [node.inject.bind(node), node.client.call].entries()) {
      const requestId = `inject-${at}`;
      await expect(call("test.break", {}, { requestId })).rejects.toMatchObject({ code: "INTERNAL" });
      expect(of(requestId)).toHaveLength(1);
      expect(of(requestId)[0]!.err?.stack).toMatch(/secret detail.*deeper/s);
    }
  });

  test("a refusal is none", async () => {
    const context = { requestId: "refusal" };
    await expect(node.inject("no.such", {}, context)).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
    expect(of("refusal")).toEqual([]);
  });

  test.each(["throw", "recurse", "garbage"])("a plugin's trap: %s", async (method) => {
    const requestId = `trap-${method}`;
    const headers = { "x-request-id": requestId };
    const { status } = await http(node.url, `/rpc/rogue.${method}`, { body: "{}", headers });
    expect(status).toBeGreaterThanOrEqual(500);
    while (of(requestId).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    // The plugin's line may come last; what comes before it is here by now.
    expect(of(requestId)).toEqual([
      expect.objectContaining({ plugin: "rogue", fields: expect.objectContaining({ method: `rogue.${method}` }) }),
    ]);
  });
});
