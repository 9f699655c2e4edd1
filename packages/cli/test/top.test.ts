import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parseNodeAddress } from "../src/node-address.js";
import { quantile } from "../src/top/quantile.js";
import { scrape } from "../src/top/scrape.js";
import type { Snapshot } from "../src/top/snapshot.js";
import { snapshot } from "../src/top/snapshot.js";
import { aspen, BIN, type RunningNode, startNode } from "./support.js";

/** Serves these texts as /metrics, the last of them for ever. */
async function serving(texts: (string | { status: number; text: string })[]): Promise<{ url: string; server: Server }> {
  let at = 0;
  const server = createServer((request, response) => {
    const next = texts[Math.min(at++, texts.length - 1)]!;
    const { status, text } = typeof next === "string" ? { status: 200, text: next } : next;
    response.writeHead(request.url === "/below/metrics" ? status : 404).end(text);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/below/`, server };
}

async function between(before: string, after: string): Promise<Snapshot> {
  const { url, server } = await serving([before, after]);
  try {
    const look = () => scrape(parseNodeAddress(url), AbortSignal.timeout(60_000));
    const first = await look();
    // Ten seconds exactly, whatever the machine does.
    return snapshot({ ...(await look()), at: 10_000 }, { ...first, at: 0 });
  } finally {
    server.close();
  }
}

const request = (ok: number, failed: number, fast: number, slow: number) => `
# TYPE aspen_node_requests_total counter
aspen_node_requests_total{method="kv.get",code="OK"} ${ok}
aspen_node_requests_total{method="kv.get",code="KV_CONFLICT"} ${failed}
aspen_node_requests_total{method="node.info",code="OK"} 7
# TYPE aspen_node_request_seconds histogram
aspen_node_request_seconds_bucket{method="kv.get",le="0.01"} ${fast}
aspen_node_request_seconds_bucket{method="kv.get",le="0.1"} ${fast + slow}
aspen_node_request_seconds_bucket{method="kv.get",le="+Inf"} ${fast + slow}
aspen_node_request_seconds_sum{method="kv.get"} 1
aspen_node_request_seconds_count{method="kv.get"} ${fast + slow}
# TYPE aspen_node_requests_under_way gauge
aspen_node_requests_under_way 3
# TYPE aspen_plugin_calls_total counter
aspen_plugin_calls_total{plugin="echo",code="PLUGIN_TRAP"} ${failed}
# TYPE aspen_plugin_memory_bytes gauge
aspen_plugin_memory_bytes{plugin="echo"} 1024
aspen_plugin_memory_bytes{plugin="idle"} 2048
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total ${ok / 100}
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1000
# TYPE nodejs_heap_size_used_bytes gauge
nodejs_heap_size_used_bytes 500
# TYPE aspen_jobs_stalled_total counter
aspen_jobs_stalled_total 0
# TYPE aspen_jobs_waiting gauge
aspen_jobs_waiting{type="a"} 4
aspen_jobs_waiting{type="b"} 1
# TYPE aspen_jobs_running gauge
aspen_jobs_running{type="a"} 2
`;

describe("a snapshot", () => {
  it("has the rates, times and errors of what lies between two looks", async () => {
    const it = await between(request(100, 10, 100, 10), request(600, 60, 600, 60));
    expect(it).toMatchObject({
      seconds: 10,
      requests: { perSecond: 55, errorsPerSecond: 5, errors: { KV_CONFLICT: 5 }, underWay: 3 },
      memory: { residentBytes: 1000, heapUsedBytes: 500 },
      processor: 0.5,
      jobs: { waiting: 5, running: 2 },
    });
    expect(it.methods.map(({ method, perSecond }) => [method, perSecond])).toEqual([
      ["kv.get", 55],
      ["node.info", 0],
    ]);
    // 500 of 550 took up to 10 ms, the rest up to 100 ms: the 275th, and the 544.5th.
    expect(it.methods[0]!.p50Ms).toBeCloseTo(5.5);
    expect(it.methods[0]!.p99Ms).toBeCloseTo(10 + (90 * 44.5) / 50);
    expect(it.methods[1]).toMatchObject({ p50Ms: null, p99Ms: null });
    expect(it.plugins).toMatchObject([
      { plugin: "echo", perSecond: 5, errors: { PLUGIN_TRAP: 5 }, memoryBytes: 1024 },
      { plugin: "idle", perSecond: 0, memoryBytes: 2048 },
    ]);
  });

  it("counts from nothing when the node was started anew, and does without what is not measured", async () => {
    const restarted = await between(request(600, 60, 600, 60), request(50, 0, 50, 0));
    expect(restarted.requests.perSecond).toBe(5);
    expect(restarted.processor).toBe(0);
    expect(await between("", "")).toMatchObject({ methods: [], plugins: [], jobs: null, requests: { perSecond: 0 } });
  });

  it("refuses answers that are none", async () => {
    const told = async (text: string | { status: number; text: string }) => {
      const { url, server } = await serving([text]);
      try {
        return await scrape(parseNodeAddress(url), AbortSignal.timeout(60_000)).catch((error: unknown) => error);
      } finally {
        server.close();
      }
    };
    expect(await told("a{b 1")).toMatchObject({ code: "INTERNAL", message: expect.stringContaining("no metrics") });
    expect(await told("#".repeat(17 * 1024 * 1024))).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    const error = JSON.stringify({ error: { code: "PERMISSION_DENIED", message: "no" } });
    expect(await told({ status: 403, text: error })).toMatchObject({ code: "PERMISSION_DENIED", message: "no" });
    expect(await told({ status: 502, text: "<html>" })).toMatchObject({
      message: expect.stringContaining("status 502"),
    });
  });
});

describe("a quantile", () => {
  it("lies within the bucket that its value is in", () => {
    const values = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1 });
    const bounds = [1, 5, 10, 50, 100, Number.POSITIVE_INFINITY];
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, q) => {
        const buckets = bounds.map((le) => ({ le, count: all.filter((value) => value <= le).length }));
        const sorted = all.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(q * sorted.length) - 1]!;
        const at = bounds.findIndex((le) => exact <= le);
        const found = quantile(buckets, q)!;
        expect(found).toBeGreaterThanOrEqual(bounds[at - 1] ?? 0);
        expect(found).toBeLessThanOrEqual(bounds[at]!);
      }),
    );
    expect(quantile([], 0.5)).toBeNull();
    expect(
      quantile(
        [
          { le: 1, count: 0 },
          { le: Number.POSITIVE_INFINITY, count: 4 },
        ],
        0.5,
      ),
    ).toBe(1);
  });
});

describe("aspen top", () => {
  let directory: string;
  let node: RunningNode;
  let env: { ASPEN_NODE: string };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "aspen-top-test-"));
    node = await startNode(["--data-dir", join(directory, "data"), "--jobs"]);
    env = { ASPEN_NODE: node.url };
  });

  afterAll(async () => {
    await node?.stop("SIGTERM");
    await rm(directory, { recursive: true, force: true });
  });

  it("shows a node once, as text and as JSON", async () => {
    const json = await aspen(["top", "--once", "--json", "--interval", "1"], { env });
    expect(json).toMatchObject({ code: 0, stderr: "" });
    const shown = JSON.parse(json.stdout) as Snapshot;
    expect(shown.memory.residentBytes).toBeGreaterThan(10 * 1024 * 1024);
    expect(shown.seconds).toBeGreaterThanOrEqual(0.99);
    expect(shown.jobs).toEqual({ waiting: 0, running: 0 });
    const text = await aspen(["top", "--once", "--interval", "1"], { env });
    expect(text.stdout).toMatch(
      /^node [0-9a-f-]+ at http.*\nrequests +[\d.]+\/s, errors .*\nmemory +[\d.]+ MiB.*\njobs +0 waiting/,
    );
  });

  it("goes on until Ctrl-C, which ends it with 0", async () => {
    const child = spawn(process.execPath, [BIN, "top", "--json", "--interval", "1"], {
      env: { ...process.env, ...env },
    });
    const closed = once(child, "close");
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += String(chunk);
    });
    while (stdout.split("\n").length < 3) await once(child.stdout, "data");
    child.kill("SIGINT");
    expect(await closed).toEqual([0, null]);
    for (const line of stdout.trimEnd().split("\n"))
      expect(JSON.parse(line)).toMatchObject({ seconds: expect.any(Number) });
  });

  it("says when no node answers", async () => {
    const away = await aspen(["top", "--once"], { env: { ASPEN_NODE: "http://127.0.0.1:1" } });
    expect(away).toMatchObject({ code: 7, stdout: "", stderr: expect.stringContaining("NODE_UNREACHABLE") });
  });
});
