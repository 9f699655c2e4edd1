import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type AspenError,
  decodeUtf8,
  encodeEnvelope,
  encodeUtf8,
  LIMITS,
  parseManifest,
  RESULT_ERROR,
} from "@aspen/plugin-api";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import { CallState, PluginHostContext, type PluginLimitOptions, PluginUsage } from "../src/index.js";
import { TokenBucket } from "../src/limits/token-bucket.js";
import { PluginMeters } from "../src/plugin-meters.js";
import { Host, scripted } from "./support.js";

const json = (value: unknown) => encodeUtf8(JSON.stringify(value));

function setUp(limits: PluginLimitOptions, permissions: string[] = []) {
  const manifest = parseManifest({
    ...{ name: "p", version: "1.0.0", api_version: "1", handles: ["p.*"], kv_prefixes: ["mine:"] },
    permissions: ["kv:read", "kv:write", "events:emit", "timers", ...permissions],
  });
  const { kv, blobs } = new MemoryStore();
  const meters = new PluginMeters();
  const usage = new PluginUsage("p", limits, () => 0);
  const logger = { log: () => undefined };
  const host = new PluginHostContext(manifest, { kv, blobs, logger, usage, measures: meters });
  const limited = async () => {
    const measured = await meters.meters.find(({ name }) => name === "aspen_plugin_limited_total")!.collect();
    return Object.fromEntries(measured.map(({ value, labels }) => [labels?.limit, value]));
  };
  const call = () => ({ caller: LOCAL_CALLER, state: new CallState() });
  const invoke = async (name: string, args: Uint8Array[], from: object = call()) => {
    const result = await host.invoke(name, args, from);
    if (result[0] !== RESULT_ERROR) return "done";
    const { code, details } = JSON.parse(decodeUtf8(result.subarray(1)));
    return `${code} ${details?.limit ?? ""}`.trim();
  };
  const put = (bytes = 1) => invoke("kv_put", [encodeUtf8("mine:a"), new Uint8Array(bytes), json({})]);
  return { invoke, put, call, limited };
}

/** How often each code came. */
function counts(codes: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const code of codes) found[code] = (found[code] ?? 0) + 1;
  return found;
}

async function repeated(times: number, task: () => Promise<string>): Promise<Record<string, number>> {
  return counts(await Promise.all(Array.from({ length: times }, task)));
}

test("tokens come back with time, and more than a second's are a debt", () => {
  const bucket = new TokenBucket(10, 0);
  expect([bucket.take(10, 0), bucket.take(1, 0), bucket.take(1, 50), bucket.take(1, 100)]).toEqual([0, 100, 50, 0]);
  expect(bucket.take(25, 100)).toBe(1000);
  expect([bucket.take(25, 1100), bucket.take(1, 1100)]).toEqual([0, 1600]);
  expect(bucket.take(1, 2600)).toBe(100);
  bucket.charge(100, 100_000);
  expect(bucket.take(1, 100_000)).toBe(9100);
});

describe("one plugin on one node", () => {
  test("has so many operations on keys each second", async () => {
    const { put, invoke, limited } = setUp({ kvOpsPerSecond: 4 });
    const many = await invoke("kv_get_many", [json(["mine:a", "mine:b", "mine:c"])]);
    expect(many).toBe("done");
    expect(await put()).toBe("done");
    expect(await repeated(3, () => put())).toEqual({ "RATE_LIMITED kvOpsPerSecond": 3 });
    expect(await limited()).toEqual({ kvOpsPerSecond: 3 });
    const transaction = { ops: [1, 2, 3, 4].map((at) => ({ op: "delete", key: `mine:${at}` })) };
    expect(await invoke("kv_transact", [encodeEnvelope(transaction)])).toBe("RATE_LIMITED kvOpsPerSecond");
  });

  test("has so many bytes of them each second, parameters and results", async () => {
    const { put, invoke } = setUp({ kvBytesPerSecond: 100_000 });
    expect(await put(60_000)).toBe("done");
    expect(await invoke("kv_get", [encodeUtf8("mine:a")])).toBe("done");
    expect(await put(1)).toBe("RATE_LIMITED kvBytesPerSecond");
  });

  test("emits so many events each second, also in transactions", async () => {
    const { invoke } = setUp({ eventsPerSecond: 3 });
    const events = [{ topic: "a" }, { topic: "b" }, { topic: "c" }];
    const transaction = { ops: [{ op: "put", key: "mine:x", valueLength: 0 }], events };
    expect(await invoke("kv_transact", [encodeEnvelope(transaction)])).toBe("done");
    expect(await invoke("events_emit", [encodeEnvelope({ topic: "d" })])).toBe("RATE_LIMITED eventsPerSecond");
  });

  test("makes so many host calls in one call of it", async () => {
    const { invoke, call, limited } = setUp({ hostCallsPerCall: 5 });
    const one = call();
    const get = (from: object) => invoke("kv_get", [encodeUtf8("mine:a")], from);
    for (let made = 0; made < 5; made++) expect(await get(one)).toBe("done");
    expect(await get(one)).toBe("LIMIT_EXCEEDED hostCallsPerCall");
    expect(await get(call())).toBe("done");
    expect(await limited()).toEqual({ hostCallsPerCall: 1 });
  });

  test("has so many timers that are not over", async () => {
    const { invoke, limited } = setUp({});
    const set = (at: number) => invoke("timers_set", [encodeUtf8(`t${at}`), json({ everyMs: 60_000 })]);
    for (let at = 0; at < LIMITS.timers; at++) expect(await set(at)).toBe("done");
    expect(await set(LIMITS.timers)).toBe(`TOO_MANY_TIMERS ${LIMITS.timers}`);
    expect(await limited()).toEqual({ timers: 1 });
  });

  test("sends so many HTTP requests each second, and has so many open", async () => {
    const server = createServer((_request, response) => response.writeHead(200).write("open"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const url = encodeUtf8(`http://127.0.0.1:${port}/`);
      const permissions = [`http:127.0.0.1:${port}`];
      const often = setUp({ requestsPerSecond: 3 }, permissions);
      const open = often.call();
      const ask = (from = open) => often.invoke("http_open", [url, encodeEnvelope({})], from);
      for (let asked = 0; asked < 3; asked++) expect(await ask()).toBe("done");
      expect(await ask()).toBe("RATE_LIMITED requestsPerSecond");
      open.state[Symbol.dispose]();
      const many = setUp({ concurrentRequests: 2 }, permissions);
      const [one, two] = [many.call(), many.call()];
      const begin = (from: object) => many.invoke("http_open", [url, encodeEnvelope({})], from);
      expect([await begin(one), await begin(two), await begin(two)]).toEqual([
        "done",
        "done",
        "LIMIT_EXCEEDED concurrentRequests",
      ]);
      one.state[Symbol.dispose]();
      expect(await begin(two)).toBe("done");
      two.state[Symbol.dispose]();
      expect(await many.limited()).toEqual({ concurrentRequests: 1 });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test("answers so many requests each second, and so many at once; a reload changes nothing", async () => {
    const code = (host: Host) => () =>
      host.client.call("a.x").then(
        () => "done",
        (error: AspenError) => `${error.code} ${error.details?.limit}`,
      );
    await using busy = await Host.start(undefined, {}, [], { concurrentCalls: 4 });
    await busy.installer.install(scripted("a", { callMs: 50 }));
    await busy.installer.install(scripted("b", { answer: 1 }));
    const calls = repeated(10, code(busy));
    await expect(busy.client.call("b.x")).resolves.toBe(1);
    expect(await calls).toEqual({ done: 4, "LIMIT_EXCEEDED concurrentCalls": 6 });
    expect(await repeated(4, code(busy))).toEqual({ done: 4 });
    expect(await busy.measured("aspen_plugin_limited_total")).toEqual({ "a concurrentCalls": 6 });
    // So few that hardly one comes back while this runs.
    await using often = await Host.start(undefined, {}, [], { callsPerSecond: 5 });
    await often.installer.install(scripted("a", {}));
    const codes = await repeated(5, code(often));
    await often.installer.reload("a");
    const after = await repeated(60, code(often));
    expect(codes).toEqual({ done: 5 });
    expect(after["RATE_LIMITED callsPerSecond"]).toBeGreaterThan(0);
  });
});
