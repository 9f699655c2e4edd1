import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { clock, definePlugin, kv, log, type Plugin } from "@aspen/guest-sdk";
import { parseManifest } from "@aspen/plugin-api";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import { PluginHostContext, type PluginInstance } from "../src/index.js";
import { NativePluginRuntime } from "../src/native/index.js";

const OVER = { code: "PLUGIN_CALL_OVER" };
const messages: string[] = [];

async function start(module: unknown, manifest: object = {}): Promise<PluginInstance> {
  const { kv: keys, blobs } = new MemoryStore();
  const full = parseManifest({
    ...{ name: "mine", version: "1.0.0", api_version: "1", handles: ["mine.*"] },
    ...{ permissions: ["kv:read", "kv:write"], ...manifest },
  });
  const logger = { log: (_level: string, message: string) => void messages.push(message) };
  const host = new PluginHostContext(full, { kv: keys, blobs, logger });
  return new NativePluginRuntime().start({ manifest: full, files: new Map(), module }, host);
}

const call = (instance: PluginInstance, method = "mine.run") =>
  instance.call(method, null, { requestId: "r", caller: LOCAL_CALLER });
const plugin = (run: Plugin["handlers"][string]) => definePlugin({ handlers: { "mine.run": run } });

describe("the host of native plugins", () => {
  test("is not there outside of a plugin's call; log records are dropped", async () => {
    await expect(kv.get("__plugin:mine:a")).rejects.toMatchObject(OVER);
    expect(() => clock.now()).toThrow(expect.objectContaining(OVER));
    log.info("nobody hears this");
    expect(messages).not.toContain("nobody hears this");
  });

  test("refuses work that outlives its call, which may still log", async () => {
    let late: Promise<unknown> = Promise.resolve();
    let answered = () => {};
    const over = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const instance = await start(
      plugin(() => {
        late = over.then(() => {
          log.info("late");
          return kv.put("__plugin:mine:a", "1");
        });
        return "answered";
      }),
    );
    expect(await call(instance)).toBe("answered");
    answered();
    await expect(late).rejects.toMatchObject(OVER);
    expect(messages).toContain("late");
  });

  test("tells a handler by its signal that its time is over", async () => {
    const seen: unknown[] = [];
    const instance = await start(
      plugin(async (_params, { signal }) => {
        await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
        seen.push(signal?.aborted);
      }),
      { execution_timeout_ms: 50 },
    );
    await expect(call(instance)).rejects.toMatchObject({ code: "PLUGIN_TIMEOUT" });
    await Promise.resolve();
    expect(seen).toEqual([true]);
  });

  test("is that of the plugin whose code runs, also where one calls another", async () => {
    const inner = await start(plugin(() => kv.get("__plugin:mine:a").then(() => "inner")));
    const outer = await start(
      plugin(async () => {
        const denied = await kv.get("__plugin:other:a").then(
          () => "allowed",
          ({ code }: { code: string }) => code,
        );
        return [await call(inner), denied];
      }),
    );
    expect(await call(outer)).toEqual(["inner", "KV_NAMESPACE_DENIED"]);
  });
});

describe("the module of a native plugin", () => {
  test("is a plugin, a module with one, or the path of one, which is read anew every time", async () => {
    const folder = await mkdtemp(join(tmpdir(), "aspen-module-"));
    try {
      const one = plugin(() => "one");
      expect(await call(await start(one))).toBe("one");
      expect(await call(await start({ default: one }))).toBe("one");
      const path = join(folder, "plugin.mjs");
      const guest = `({ exports: { plugin_info: () => ({ ...identity, handles: ["mine.run"] }), handle_request: () => reads },
        resultText: (result) => ({ ok: true, text: JSON.stringify(result) }), errorText: String })`;
      await writeFile(
        path,
        `const reads = (globalThis.readsOfPlugin = (globalThis.readsOfPlugin ?? 0) + 1);
export default { [Symbol.for("@aspen/plugin-api Guest")]: (identity) => ${guest} };`,
      );
      expect(await call(await start(path))).toBe(1);
      expect(await call(await start(path))).toBe(2);
      expect(await call(await start(pathToFileURL(path)))).toBe(3);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("is refused when it is no plugin or cannot be imported", async () => {
    for (const module of [undefined, null, {}, { default: { handlers: {} } }, "relative.js", "/nowhere/plugin.js"]) {
      await expect(start(module)).rejects.toMatchObject({ code: "BUILD_FAILED" });
    }
    const folder = await mkdtemp(join(tmpdir(), "aspen-module-"));
    try {
      const path = join(folder, "plugin.ts");
      await writeFile(path, "export default ;");
      await expect(start(path)).rejects.toMatchObject({ code: "BUILD_FAILED" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
