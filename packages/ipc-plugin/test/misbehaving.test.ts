import { encodeUtf8, parseManifest } from "@aspen/plugin-api";
import { PluginHostContext } from "@aspen/plugin-host";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { IpcPluginRuntime } from "../src/index.js";

/** The message of the error with which a program of this shell text is refused. */
async function refusal(script: string, startTimeoutMs = 30_000): Promise<string> {
  await using store = new MemoryStore();
  await using runtime = new IpcPluginRuntime({ startTimeoutMs });
  const manifest = parseManifest({
    ...{ name: "odd", version: "1.0.0", api_version: "1", handles: ["odd.*"] },
    entry: { kind: "ipc", command: "plugin" },
  });
  const host = new PluginHostContext(manifest, { kv: store.kv, blobs: store.blobs, logger: { log: () => undefined } });
  const files = new Map([["plugin", encodeUtf8(`#!/bin/sh\n${script}\n`)]]);
  const thrown = await runtime.start({ manifest, files }, host).then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
  return (thrown as Error).message;
}

test("a program without a handshake is refused when its time is over", async () => {
  expect(await refusal("exec sleep 1000", 1000)).toContain("not ready within 1000 ms");
});

test("a program that prints garbage is refused with what it printed", async () => {
  expect(await refusal("echo hello; exec sleep 1000")).toContain('"hello"');
});

test("an older version of the protocol is refused, and both versions are named", async () => {
  const message = await refusal('echo "1|0|unix|/tmp/none|grpc|"; exec sleep 1000');
  expect(message).toContain("version 0 of the plugin protocol; this node speaks version 1");
});

test("a program that ends at once is refused with its status", async () => {
  expect(await refusal("exit 7")).toContain("status 7");
});

test("a socket outside the private folder is refused", async () => {
  const message = await refusal('echo "1|1|unix|/tmp/none|grpc|AAAA"; exec sleep 1000');
  expect(message).toContain("PLUGIN_UNIX_SOCKET_DIR");
});
