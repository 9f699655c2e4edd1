import { JsonBytes, RemoteError, type RpcClient, remoteClient, toBase64, type WireValue } from "@aspen/rpc-core/remote";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { AspenNode, NodeInfo } from "../src/index.js";
import { startNode, temporaryDirectory } from "./support.js";
import { SlowMethod } from "./test-methods.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
let client: RpcClient;
const slow = new SlowMethod();

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path, {}, { modules: [slow.module] });
  client = remoteClient({ url: node.url });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

describe("a remote client of a node", () => {
  test("gives the results that a client in the process gives", async () => {
    const { version } = await client.call("kv.put", { key: "r:a", value: toBase64(new Uint8Array([0xff])) });
    for (const either of [client, node.client]) {
      const entry: { key: string; value: WireValue; version: number } | null = await either.call("kv.get", {
        key: "r:a",
      });
      expect(entry).toEqual({ key: "r:a", value: { base64: "/w==" }, version });
      const { entries, cursor } = await either.call("kv.scan", { prefix: "r:", keysOnly: true });
      expect([entries[0]!.key, cursor]).toEqual(["r:a", null]);
      const info: NodeInfo = await either.call("node.info");
      expect(info.id).toBe(node.id);
      const { methods } = await either.call("rpc.describe");
      expect(methods.map(({ method, handler }) => [method, handler])).toContainEqual(["kv.get", "kv"]);
    }
  });

  test("does not compile with other params or results than a method has", async () => {
    const refused = { code: "INVALID_PARAMS" };
    // @ts-expect-error a misspelt param
    await expect(client.call("kv.get", { kye: "a" })).rejects.toMatchObject(refused);
    // @ts-expect-error a value that is no text and no base64
    await expect(client.call("kv.put", { key: "a", value: 7 })).rejects.toMatchObject(refused);
    // @ts-expect-error a param is missing
    await expect(client.call("kv.cas", { key: "a", value: "1" })).rejects.toMatchObject(refused);
    // @ts-expect-error the params are missing
    await expect(client.call("plugin.info")).rejects.toMatchObject(refused);
    // @ts-expect-error another type of result
    const { found }: { found: boolean } = await client.call("blob.has", { hash: "0".repeat(64) });
    expect(found).toBeUndefined();
    await expect(client.call("no.such", { any: ["thing"] })).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
  });

  test("says what the node answered, under the id of the request", async () => {
    const failure = await client.call("kv.get", { key: "" }, { requestId: "mine.1" }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RemoteError);
    expect(failure).toMatchObject({ code: "KV_KEY_INVALID", requestId: "mine.1" });
    await expect(client.call("kv.get", new JsonBytes(Buffer.from("{")) as never)).rejects.toMatchObject({
      code: "INVALID_PARAMS",
      details: { field: "(body)" },
    });
  });

  test("gives up at its time or signal; the node hears of it", async () => {
    await expect(client.call("slow.call", {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    const stop = new AbortController();
    const called = slow.called();
    const call = client.call("slow.call", {}, { signal: stop.signal });
    await called;
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
    slow.release();
    await expect(client.call("kv.delete", { key: "r:a" })).resolves.toEqual({ deleted: true });
  });
});
