import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { AspenError } from "@aspen/plugin-api";
import { trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { AspenNode } from "../src/index.js";
import { methodOf, sharedStore, startMember, untilNodes } from "./cluster-support.js";
import { http } from "./support.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const traceparent = `00-${TRACE}-${PARENT}-01`;

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const store = sharedStore();
let withPlugins: AspenNode;
let without: AspenNode;
/** What the methods of the node without tracing were called with. */
let told: { traceparent: string; tracestate?: string | undefined } | undefined;

beforeAll(async () => {
  trace.setGlobalTracerProvider(provider);
  const tracing = { features: { tracing: true } };
  const refused = methodOf(() => {
    throw new AspenError("KV_CONFLICT", "secret detail");
  });
  withPlugins = await startMember(
    store,
    { "test.refused": refused },
    {},
    { features: { tracing: true, "plugins-wasm": true } },
  );
  without = await startMember(store, { "test.here": methodOf(() => "here") }, {}, tracing);
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/counter", import.meta.url)));
  const artifacts = [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }];
  await withPlugins.client.call("plugin.install", { manifest, artifacts });
  await untilNodes(without, 1, ({ methods }) => methods.includes("counter.*"));
});

beforeEach(() => {
  exporter.reset();
  told = undefined;
});

afterAll(async () => {
  await without[Symbol.asyncDispose]();
  await withPlugins[Symbol.asyncDispose]();
  await provider.shutdown();
  trace.disable();
});

const call = (node: AspenNode, method: string, params: unknown, headers: Record<string, string> = { traceparent }) =>
  http(node.url, `/rpc/${method}`, { body: JSON.stringify(params), headers });
const below = (id: string) =>
  exporter.getFinishedSpans().filter(({ parentSpanContext }) => parentSpanContext?.spanId === id);
const idOf = (span: ReadableSpan | undefined) => span!.spanContext().spanId;

describe("a trace", () => {
  it("of a client goes through dispatch, plugin and host calls", async () => {
    expect(await call(withPlugins, "counter.add", { by: 2 })).toMatchObject({ status: 200, body: { count: 2 } });
    const [request] = below(PARENT);
    expect(request).toMatchObject({ name: "counter.add", kind: 1, attributes: { "rpc.method": "counter.add" } });
    const [dispatch] = below(idOf(request));
    expect(dispatch?.name).toBe("dispatch");
    const [plugin] = below(idOf(dispatch));
    expect(plugin).toMatchObject({ name: "plugin counter", attributes: { "aspen.plugin": "counter" } });
    const hostCalls = below(idOf(plugin)).map(({ name, attributes }) => `${name} ${attributes["aspen.host_function"]}`);
    expect(hostCalls).toEqual(expect.arrayContaining(["host call kv_get", "host call kv_cas"]));
    for (const span of exporter.getFinishedSpans()) expect(span.spanContext().traceId).toBe(TRACE);
  });

  it("goes on in a call that another node answers", async () => {
    const state = { traceparent, tracestate: "vendor=1" };
    expect(await call(without, "counter.add", { by: 1 }, state)).toMatchObject({ status: 200, body: { count: 3 } });
    const [first] = below(PARENT);
    const [forward] = below(idOf(first));
    expect(forward).toMatchObject({ name: "forward", kind: 2 });
    const [second] = below(idOf(forward));
    expect(second).toMatchObject({ name: "counter.add", kind: 1 });
    expect(second?.spanContext().traceState?.serialize()).toBe("vendor=1");
    const [dispatch] = below(idOf(second));
    expect(below(idOf(dispatch)).map(({ name }) => name)).toEqual(["plugin counter"]);
    for (const span of exporter.getFinishedSpans()) expect(span.spanContext().traceId).toBe(TRACE);
  });

  it("has the code of an error, and nothing of what it says", async () => {
    expect(await call(withPlugins, "test.refused", {})).toMatchObject({ status: 409 });
    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ name }) => name).toSorted()).toEqual(["dispatch", "test.refused"]);
    for (const { status, attributes } of spans) {
      expect(status).toEqual({ code: 2, message: "KV_CONFLICT" });
      expect(attributes["error.type"]).toBe("KV_CONFLICT");
    }
    expect(JSON.stringify(spans.map(({ attributes, events }) => ({ attributes, events })))).not.toContain("secret");
  });

  it("has each call of a batch, and begins anew where the headers are none", async () => {
    const calls = [{ method: "test.here" }, { method: "no.such" }];
    await http(without.url, "/rpc", { body: JSON.stringify(calls), headers: { traceparent } });
    expect(
      below(PARENT)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["no.such", "test.here"]);
    const bad = [`00-${"0".repeat(32)}-${PARENT}-01`, `00-${TRACE}-${"0".repeat(16)}-01`, `ff-${TRACE}-${PARENT}-01`];
    for (const header of [...bad, `00-${TRACE}-${PARENT}-01-more`, "x", ""]) {
      exporter.reset();
      expect(await call(without, "test.here", {}, { traceparent: header })).toMatchObject({
        status: 200,
        body: "here",
      });
      const [request] = exporter.getFinishedSpans().filter(({ name }) => name === "test.here");
      expect(request?.parentSpanContext).toBeUndefined();
      expect(request?.spanContext().traceId).not.toBe(TRACE);
    }
  });

  it("is passed on by a node that records none", async () => {
    const other = methodOf((_params, context) => {
      told = context.trace;
      return null;
    });
    await using first = await startMember(store);
    await using second = await startMember(store, { "test.other": other });
    await untilNodes(first, 1, ({ methods }) => methods.includes("test.other"));
    expect(await call(first, "test.other", {}, { traceparent, tracestate: "vendor=1" })).toMatchObject({ status: 200 });
    expect(told).toEqual({ traceparent, tracestate: "vendor=1" });
    expect(exporter.getFinishedSpans()).toEqual([]);
    expect(second.url).not.toBe(first.url);
  });
});
