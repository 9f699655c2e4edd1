import { fileURLToPath } from "node:url";
import { CountMeter, TimeMeter } from "@aspen/feature";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import parsePrometheus from "parse-prometheus-text-format";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

interface Family {
  name: string;
  help: string;
  type: string;
  metrics: { labels?: Record<string, string>; value?: string }[];
}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path);
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

async function scrape(): Promise<Map<string, Family>> {
  const answer = await fetch(`${node.url}/metrics`);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await answer.text();
  const families: Family[] = parsePrometheus(text);
  // The library puts the series of a histogram together, whatever their labels: they are read as lines of their own, too.
  const bare: Family[] = parsePrometheus(text.replaceAll(/^#.*\n/gm, ""));
  const lines = bare.filter(({ name }) => /_(bucket|sum|count)$/.test(name));
  const all = new Map<string, Family>();
  for (const family of [...lines, ...families]) {
    const metrics = [...(all.get(family.name)?.metrics ?? []), ...family.metrics];
    all.set(family.name, { ...family, metrics });
  }
  return all;
}

const call = (method: string, params: unknown = {}) =>
  http(node.url, `/rpc/${method}`, { body: JSON.stringify(params) });
const measured = (family: Family | undefined, labels: Record<string, string> = {}) => {
  const found = family?.metrics.find((metric) =>
    Object.entries(labels).every(([name, value]) => metric.labels?.[name] === value),
  );
  return found?.value === undefined ? undefined : Number(found.value);
};

describe("/metrics", () => {
  it("has requests by method and code, and nothing that a caller can make up", async () => {
    await call("kv.put", { key: "t:a", value: "1" });
    await call("kv.put", { key: 1 });
    for (let at = 0; at < 50; at += 1) await call(`made.up${at}`);
    const families = await scrape();
    const requests = families.get("aspen_node_requests_total");
    expect(requests?.type).toBe("COUNTER");
    expect(measured(requests, { method: "kv.put", code: "OK" })).toBe(1);
    expect(measured(requests, { method: "kv.put", code: "INVALID_PARAMS" })).toBe(1);
    expect(measured(requests, { method: "unknown", code: "METHOD_NOT_FOUND" })).toBe(50);
    expect(requests?.metrics).toHaveLength(3);
    expect(families.get("aspen_node_request_seconds")?.type).toBe("HISTOGRAM");
    expect(measured(families.get("aspen_node_request_seconds_count"), { method: "kv.put" })).toBe(2);
    expect(measured(families.get("aspen_node_request_seconds_sum"), { method: "kv.put" })).toBeGreaterThan(0);
    const buckets = families.get("aspen_node_request_seconds_bucket")?.metrics;
    const counts = buckets?.filter(({ labels }) => labels?.method === "kv.put").map(({ value }) => Number(value));
    expect(counts?.length).toBeGreaterThan(10);
    expect(counts).toEqual(counts?.toSorted((one, other) => one - other));
    expect(measured(families.get("aspen_node_request_seconds_bucket"), { method: "kv.put", le: "+Inf" })).toBe(2);
  });

  it("has the operations on the store", async () => {
    await call("kv.get", { key: "t:a" });
    const families = await scrape();
    expect(measured(families.get("aspen_storage_operations_total"), { operation: "get", code: "OK" })).toBeGreaterThan(
      0,
    );
    expect(measured(families.get("aspen_storage_operation_seconds_count"), { operation: "put" })).toBeGreaterThan(0);
    expect(families.get("aspen_storage_operations_waiting")?.type).toBe("GAUGE");
  });

  it("has what plugins do, under the names of plugins and host functions alone", async () => {
    const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("./fixtures/counter", import.meta.url)));
    const artifacts = [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }];
    expect(await call("plugin.install", { manifest, artifacts })).toMatchObject({ status: 200 });
    for (const by of [1, 2]) expect(await call("counter.add", { by })).toMatchObject({ status: 200 });
    expect((await call("counter.made-up")).status).not.toBe(200);
    const plugin = "counter";
    const families = await scrape();
    const requests = families.get("aspen_node_requests_total");
    expect(measured(requests, { method: "counter.*", code: "OK" })).toBe(2);
    expect(measured(families.get("aspen_plugin_calls_total"), { plugin, code: "OK" })).toBe(2);
    expect(measured(families.get("aspen_plugin_call_seconds_count"), { plugin })).toBe(3);
    expect(measured(families.get("aspen_plugin_queue_wait_seconds_count"), { plugin })).toBeGreaterThanOrEqual(3);
    expect(measured(families.get("aspen_plugin_host_calls_total"), { plugin, function: "kv_cas" })).toBe(2);
    expect(measured(families.get("aspen_plugin_memory_bytes"), { plugin })).toBeGreaterThan(65_536);
    // Reads in the plugin's own thread are told a moment later.
    const reads = async () =>
      measured((await scrape()).get("aspen_plugin_host_calls_total"), { plugin, function: "kv_get" }) ?? 0;
    while ((await reads()) < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(measured(families.get("aspen_plugin_restarts_total"), { plugin }) ?? 0).toBe(0);
    await call("plugin.reload", { name: plugin });
    expect(measured((await scrape()).get("aspen_plugin_restarts_total"), { plugin })).toBe(1);
    await call("plugin.disable", { name: plugin });
    await call("plugin.remove", { name: plugin });
    expect(measured((await scrape()).get("aspen_plugin_memory_bytes"), { plugin })).toBeUndefined();
  });
});

describe("a meter that is told", () => {
  it("keeps a bounded number of series", () => {
    const counts = new CountMeter("test_total", "", ["one", "two"]);
    const times = new TimeMeter("test_seconds", "", ["one"]);
    for (let at = 0; at < 5000; at += 1) {
      counts.add([`v${at}`, "x"]);
      times.observe([`v${at}`], at);
    }
    const measured = counts.collect();
    expect(measured).toHaveLength(1000);
    expect(measured.at(-1)).toEqual({ value: 4001, labels: { one: "other", two: "other" } });
    expect(times.collect()).toHaveLength(1000);
    const [first] = times.collect();
    expect(first?.buckets?.at(-1)).toEqual({ le: Number.POSITIVE_INFINITY, count: 1 });
    const rest = times.collect().at(-1);
    expect(rest?.buckets?.find(({ le }) => le === 2.5)?.count).toBe(1502);
  });
});
