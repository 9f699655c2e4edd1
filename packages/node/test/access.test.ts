import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { type Caller, NO_GRANTS, type ResultOf, toBase64 } from "@aspen/rpc-core";
import { blobHash } from "@aspen/storage";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { AspenNode } from "../src/index.js";
import { type MethodSample, methodSamples } from "./method-samples.js";
import { http, startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
let samples: MethodSample[];

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path);
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("fixtures/counter", import.meta.url)));
  const { id } = (await node.inject("token.create", { methods: ["kv.get"] })) as { id: string };
  samples = methodSamples(
    { manifest, artifacts: [{ name: "plugin.wasm", content: toBase64(wasm) }] },
    blobHash(new Uint8Array()),
    id,
  );
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

const granted = (methods: string[], kvPrefixes: string[]): Caller => ({
  kind: "local",
  id: "l-1",
  grants: { methods, kvPrefixes },
});

/** How a call on behalf of a caller ends: what it is denied, or null. */
async function denied({ method, params, hidden }: MethodSample, caller: Caller): Promise<unknown> {
  try {
    await node.inject(method, params, { caller });
    return null;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "PERMISSION_DENIED") return error;
    if (hidden && code === "TOKEN_NOT_FOUND") return null;
    throw error;
  }
}

test("every core method is closed to a caller without a grant for it", async () => {
  expect(samples).toHaveLength(35);
  for (const sample of samples) {
    const { method, keys } = sample;
    const family = method.split(".")[0]!;
    const nobody: Caller = { kind: "anonymous", id: "anonymous", grants: NO_GRANTS };
    await expect(denied(sample, nobody)).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
      details: { method, reason: "missing" },
    });
    for (const caller of [granted([], [""]), granted([`${method}.x`, `${family}x.*`, "other.*"], [""])]) {
      expect(await denied(sample, caller)).toMatchObject({
        message: expect.stringContaining(`"${method}"`),
        details: { method, needed: method, caller: { kind: caller.kind, id: caller.id } },
      });
    }
    if (!keys) continue;
    for (const kvPrefixes of [[], [keys.other], ["t:b", "x"]]) {
      expect(await denied(sample, granted([method], kvPrefixes))).toMatchObject({
        message: expect.stringContaining('"t:a"'),
        details: { method, key: "t:a" },
      });
    }
  }
});

test("every core method is open to a caller with a narrow grant, or with all", async () => {
  for (const callerOf of [
    ({ method, keys, needs = [method] }: MethodSample) => granted([...needs], keys ? [keys.granted] : []),
    ({ method, keys, needs = [] }: MethodSample) =>
      granted(["other", `${method.split(".")[0]}.*`, ...needs.slice(1)], keys ? ["x:", "t:"] : []),
    () => granted(["*"], [""]),
  ]) {
    for (const sample of samples)
      expect([sample.method, await denied(sample, callerOf(sample))]).toEqual([sample.method, null]);
  }
});

test("params that are not valid say so to a narrow caller too, and a plugin's methods are granted by name", async () => {
  const caller = granted(["kv.*", "counter.add"], ["t:"]);
  await expect(node.inject("kv.get", { kye: "t:a" }, { caller })).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  await expect(node.inject("kv.scan", { prefix: "" }, { caller })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  await node.inject("plugin.install", samples.find(({ method }) => method === "plugin.install")!.params);
  expect(await node.inject("counter.add", { by: 2 }, { caller })).toMatchObject({ count: 2 });
  for (const method of ["counter.get", "no.such"]) {
    await expect(node.inject(method, {}, { caller })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      details: { needed: method },
    });
  }
  await node.inject("plugin.remove", { name: "counter" });
});

test("what rpc.describe says of every core method is so", async () => {
  const { methods } = (await node.inject("rpc.describe")) as ResultOf<"rpc.describe">;
  expect(methods.map(({ method }) => method).sort()).toEqual(samples.map(({ method }) => method).sort());
  const ajv = new Ajv2020({ strict: true });
  for (const { method, params, keys, needs = [method] } of samples) {
    const described = methods.find((it) => it.method === method)!;
    expect(described.access).toEqual({ methods: needs, kvKeys: keys !== undefined });
    const answer = await http(node.url, `/rpc/${method}`, { body: JSON.stringify(params) });
    expect([method, answer.status]).toEqual([method, 200]);
    for (const [schema, value] of [
      [described.params, params],
      [described.result, answer.body],
    ] as const) {
      const validate = ajv.compile(schema!);
      expect([method, validate(value), validate.errors]).toEqual([method, true, null]);
      expect([method, validate({ ...value, unknown: 1 })]).toEqual([method, false]);
    }
  }
});
