import { encodeUtf8, LIMITS } from "@aspen/plugin-api";
import { beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { compilePlugin } from "../src/compiler/index.js";
import { definePlugin, kv } from "../src/index.js";
import { type GuestHost, GuestRunner } from "../src/testing/index.js";
import { handler, notFound, ok, PluginFolder, recordingHost, refused, request, runner, SAMPLER } from "./support.js";

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await WebAssembly.compile((await compilePlugin(SAMPLER)).wasm as BufferSource);
});

const guest = (host: GuestHost = {}) => new GuestRunner(module, host);

describe("a compiled plugin", () => {
  test("tells its name, version and handlers", () => {
    const info = guest().call("plugin_info");
    expect(JSON.parse(info.ok ? info.output : info.error)).toMatchObject({
      name: "sampler",
      version: "1.2.3",
      api_version: "1",
      handles: expect.arrayContaining(["sampler.text"]),
    });
  });

  test("exports the hooks that it defines and no others", () => {
    const runner = guest();
    expect(runner.has("plugin_init") && runner.has("plugin_shutdown") && runner.has("plugin_health")).toBe(true);
    expect(runner.has("plugin_on_timer") || runner.has("plugin_on_hook_event")).toBe(false);
    runner.call("plugin_init");
    expect(request(runner, "sampler.initialised")).toBe(1);
    expect(JSON.parse((runner.call("plugin_health") as { output: string }).output)).toEqual({
      state: "degraded",
      message: "tired",
    });
  });

  test("runs an npm package as it is", () => {
    const runner = guest();
    expect(request(runner, "sampler.parse", { text: "short" })).toBe("short");
    expect(request(runner, "sampler.parse", { text: "too long" })).toMatchObject({
      error: { message: expect.stringContaining("too_big") },
    });
  });

  test("its text and JSON survive both ways, whatever they are", () => {
    const runner = guest();
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const bytes = [...new TextEncoder().encode(text)];
        expect(request(runner, "sampler.text", { text })).toMatchObject({ bytes, back: text.replace(/^\uFEFF/, "") });
      }),
      { numRuns: 200 },
    );
    expect(request(runner, "sampler.text", { text: "aé€😀" })).toMatchObject({ into: { read: 2, written: 3 } });
  });

  test("decodes bad UTF-8 as TextDecoder does", () => {
    const runner = guest();
    expect(request(runner, "sampler.decodeLoosely")).toBe("a\uFFFD");
    expect(request(runner, "sampler.decodeFatal")).toMatchObject({
      error: { message: expect.stringContaining("UTF-8") },
    });
  });

  test("console goes to the log", () => {
    const host = recordingHost({});
    request(guest(host), "sampler.console");
    const records = host.calls.map(([name, record]) => [name, JSON.parse(record!)]);
    expect(records).toEqual([
      ["log_write", { level: "info", message: 'one {"two":2}' }],
      ["log_write", { level: "error", message: expect.stringContaining("Error: three") }],
    ]);
  });

  test("Math.random differs between instances, and the clock is the host's", () => {
    const numbers = new Set(Array.from({ length: 20 }, () => request(guest(), "sampler.random")));
    expect(numbers.size).toBe(20);
    const answer = new Uint8Array(8);
    new DataView(answer.buffer).setBigUint64(0, 5n, true);
    const [own, date, epoch] = request(guest(recordingHost({ clock_now: ok(answer) })), "sampler.now") as unknown[];
    expect(own).toBe(5);
    expect(Math.abs((date as number) - Date.now())).toBeLessThan(60_000);
    expect(epoch).toBe("1970-01-01T00:00:00.000Z");
  });

  test("secure random numbers are asked of the host", () => {
    const host = recordingHost({ random_bytes: ok(new Uint8Array(16).fill(255)) });
    expect(request(guest(host), "sampler.uuid")).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
    const denied = recordingHost({ random_bytes: refused("PERMISSION_DENIED", "it lacks randomness") });
    expect(request(guest(denied), "sampler.uuid")).toMatchObject({
      error: { code: "PERMISSION_DENIED", message: "it lacks randomness" },
    });
  });

  test("random numbers that the host refuses keep the host's code", async () => {
    const body = "return crypto.getRandomValues(new Uint8Array(params))";
    await using folder = await PluginFolder.create(handler(body));
    for (const [answer, error] of [
      [
        refused("PERMISSION_DENIED", "no"),
        { code: "PERMISSION_DENIED", message: expect.stringContaining("randomness") },
      ],
      [refused("INTERNAL", "no entropy"), { code: "INTERNAL", message: "no entropy" }],
      [notFound(), { code: "INTERNAL", message: expect.stringContaining("unknown tag") }],
    ] as const) {
      const plugin = await runner(folder.path, recordingHost({ random_bytes: answer }));
      expect(request(plugin, "sample.run", 8)).toMatchObject({ error });
    }
  });

  describe("a promise that is rejected and never handled", () => {
    /** What a handler leaves in the log, after its answer. */
    async function warnings(body: string): Promise<{ answer: unknown; records: { message: string }[] }> {
      await using folder = await PluginFolder.create(handler(body, "definePlugin, kv"), { permissions: ["kv:read"] });
      const host = recordingHost({ kv_get: refused("KV_NAMESPACE_DENIED", "not yours") });
      const plugin = await runner(folder.path, host);
      const answer = request(plugin, "sample.run");
      const records = host.calls.filter(([name]) => name === "log_write").map(([, record]) => JSON.parse(record!));
      return { answer, records };
    }

    test("leaves one warning with its message, code and stack, and changes no answer", async () => {
      const body = `kv.get("a"); void (async () => { await null; throw new RangeError("lost"); })();
        Promise.reject("text"); return 7;`;
      const { answer, records } = await warnings(body);
      expect(answer).toBe(7);
      const message = (text: string) => `a promise was rejected and nothing handled it: ${text}`;
      expect(records).toEqual([
        expect.objectContaining({ message: message("not yours") }),
        expect.objectContaining({ message: message('threw "text"') }),
        expect.objectContaining({ message: message("RangeError: lost") }),
      ]);
      expect(records).toMatchObject([
        { level: "warn", fields: { code: "KV_NAMESPACE_DENIED" } },
        { level: "warn" },
        { level: "warn", fields: { stack: expect.stringContaining("RangeError: lost") } },
      ]);
    });

    test("is none when it is handled, be it late, or is the handler's own", async () => {
      const late = `const failed = Promise.reject(new Error("late")); await null; await null;
        return failed.catch((error) => error.message);`;
      expect(await warnings(late)).toEqual({ answer: "late", records: [] });
      const own = "await null; throw new Error('mine');";
      expect(await warnings(own)).toMatchObject({ answer: { error: { message: "Error: mine" } }, records: [] });
      expect(
        (await warnings("return Promise.allSettled([Promise.reject(1)]).then((all) => all.length)")).records,
      ).toEqual([]);
    });

    test("is reported by the call that it belongs to, and many of them in few lines", async () => {
      const body = "if (params) for (let i = 0; i < 5000; i++) Promise.reject(new Error(String(i))); return 1;";
      await using folder = await PluginFolder.create(handler(body));
      const host = recordingHost({});
      const plugin = await runner(folder.path, host);
      for (const params of [false, true, false]) expect(request(plugin, "sample.run", params)).toBe(1);
      expect(host.calls).toHaveLength(11);
      expect(JSON.parse(host.calls[10]![1]!).message).toContain("4990 more");
    });
  });

  test("what a sandbox cannot do says so", () => {
    expect(request(guest(), "sampler.timer")).toMatchObject({
      error: { message: expect.stringContaining("setTimeout is not available") },
    });
  });

  test("promises: one that settles late answers its own call, one that never settles is an error", () => {
    const runner = guest();
    expect(request(runner, "sampler.never")).toMatchObject({ error: { message: expect.stringContaining("never") } });
    expect(request(runner, "sampler.late")).toBe("in time");
    expect(request(runner, "sampler.base64")).toEqual(["YWJj", "abc"]);
  });

  test("results are JSON as JSON.stringify writes it", () => {
    expect(request(guest(), "sampler.symbols")).toEqual({ date: "1970-01-01T00:00:00.000Z", map: [["a", 1]] });
  });

  test("an unknown method is METHOD_NOT_FOUND", () => {
    expect(request(guest(), "sampler.unknown")).toMatchObject({ error: { code: "METHOD_NOT_FOUND" } });
  });
});

describe("host calls", () => {
  test("pass their parameters encoded and decode the result", () => {
    const entry = new Uint8Array(8 + 3);
    new DataView(entry.buffer).setBigUint64(0, 9n, true);
    entry.set(encodeUtf8("né").subarray(0, 3), 8);
    const host = recordingHost({ kv_get: ok(entry) });
    expect(request(guest(host), "sampler.get", { key: "ключ" })).toBe("né");
    expect(host.calls).toEqual([["kv_get", "ключ"]]);
    expect(request(guest(recordingHost({ kv_get: notFound() })), "sampler.get", { key: "k" })).toBeNull();
  });

  test("an error keeps its code on its way to the caller", () => {
    const host = recordingHost({ kv_get: refused("KV_NAMESPACE_DENIED", "the key is not yours") });
    expect(request(guest(host), "sampler.get", { key: "k" })).toMatchObject({
      error: { code: "KV_NAMESPACE_DENIED", message: "the key is not yours" },
    });
  });

  test("what is neither text nor bytes is refused, not stored as nothing", async () => {
    const calls = `const codes = [];
      const tries = [() => kv.put("a", 42), () => kv.put("a", {}), () => kv.put("a", new Uint16Array(2)),
        () => kv.get(undefined), () => kv.cas("a", null, true), () => blobs.put([1]),
        () => kv.transact({ ops: [{ type: "put", key: "a", value: 7 }] })];
      for (const attempt of tries) codes.push(await attempt().then(() => "stored", (error) => error.code));
      return codes;`;
    await using folder = await PluginFolder.create(handler(calls, "blobs, definePlugin, kv"));
    const host = recordingHost({});
    expect(request(await runner(folder.path, host), "sample.run")).toEqual(Array(7).fill("INVALID_PARAMS"));
    expect(host.calls).toEqual([]);
  });

  test("logging writes what it can and never fails", async () => {
    const body = `const cycle = {}; cycle.self = cycle;
      log.info("plain"); log.info("cycle", cycle); log.info("big", { n: 1n }); log.warn(5);
      log.error("failed", { err: new TypeError("broken") }); log.info("x".repeat(100_000));`;
    await using folder = await PluginFolder.create(handler(body, "definePlugin, log"));
    const host = recordingHost({});
    expect(request(await runner(folder.path, host), "sample.run")).toBeNull();
    expect(host.calls.map(([, record]) => JSON.parse(record!))).toEqual([
      { level: "info", message: "plain" },
      { level: "info", message: "cycle", fields: { self: "[circular]" } },
      { level: "info", message: "big", fields: { n: "1" } },
      { level: "warn", message: "5" },
      { level: "error", message: "failed", fields: { err: expect.objectContaining({ message: "broken" }) } },
      { level: "info", message: "x".repeat(8192) },
    ]);
  });

  test("a large value passes in one call", async () => {
    await using folder = await PluginFolder.create(
      handler('return (await kv.put("sample:1", "x".repeat(params.length)))', "definePlugin, kv"),
      { permissions: ["kv:write"] },
    );
    let received = 0;
    const host: GuestHost = {
      hostCall(_name, args) {
        received = args[1]?.length ?? 0;
        return ok(new Uint8Array(8));
      },
    };
    request(await runner(folder.path, host), "sample.run", { length: LIMITS.valueBytes });
    expect(received).toBe(LIMITS.valueBytes);
  });

  test("outside a plugin they say what to do", async () => {
    await expect(kv.get("a")).rejects.toThrow("aspen plugin build");
    expect(() => definePlugin({ handlers: null as never })).toThrow("handlers");
  });
});
