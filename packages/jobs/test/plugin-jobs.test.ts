import type { JobsPort } from "@aspen/feature";
import type { Caller } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { KvJobQueue } from "../src/index.js";
import { PluginJobs } from "../src/plugin-jobs.js";

let store: MemoryStore;
let queue: KvJobQueue;
let checked: unknown[];
let port: JobsPort;

const as = (plugin: string, methods: string[] = []): Caller => ({
  ...{ kind: "plugin", id: plugin, grants: { methods, kvPrefixes: [] } },
});

beforeEach(async () => {
  store = new MemoryStore();
  queue = new KvJobQueue(store);
  await queue.registerTypes(["mail"]);
  checked = [];
  port = new PluginJobs(queue, { checkPayload: async (...args) => void checked.push(args) });
});

afterEach(async () => {
  await queue[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

test("a plugin's job has its name as submitter and group, and its payload is checked", async () => {
  const { id } = await port.submit(as("shop"), { type: "mail", payload: { to: "ada" }, attempts: 2 });
  expect(checked).toEqual([["mail", { to: "ada" }]]);
  const expected = { id, type: "mail", submitter: "plugin:shop", group: "shop", maxAttempts: 2 };
  expect(await queue.get(id)).toMatchObject(expected);
  expect(await port.get("shop", "mail", id)).toMatchObject(expected);
  expect(await port.get("shop", "post", id)).toBeNull();
  await expect(port.cancel("shop", "post", id)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});

test("a plugin's job has what the plugin was granted when it submitted it", async () => {
  await port.submit(as("shop", ["bank.pay"]), { type: "mail" });
  await expect(port.submit(as("shop"), { type: "mail", caller: as("shop", ["*"]) })).rejects.toMatchObject({
    code: "INVALID_PARAMS",
  });
  const [job, ...more] = await queue.claim({ worker: "w", types: [{ type: "mail" }], limit: 9, leaseMs: 1000 });
  expect(job!.caller).toEqual(as("shop", ["bank.pay"]));
  expect(more).toEqual([]);
});

test("a plugin neither sees, cancels nor waits for a job of another", async () => {
  const others = [
    (await port.submit(as("bank"), { type: "mail" })).id,
    (await queue.submit({ type: "mail" })).id,
    (await queue.submit({ type: "mail", submitter: "plugin:shopping" })).id,
  ];
  for (const id of others) {
    expect(await port.get("shop", "mail", id)).toBeNull();
    await expect(port.cancel("shop", "mail", id)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    await expect(port.submit(as("shop"), { type: "mail", dependsOn: [id] })).rejects.toMatchObject({
      code: "JOB_NOT_FOUND",
    });
    expect(await queue.get(id)).toMatchObject({ status: "pending" });
  }
});

test("an idempotency key is the plugin's own", async () => {
  const other = await queue.submit({ type: "mail", idempotencyKey: "k" });
  const first = await port.submit(as("shop"), { type: "mail", idempotencyKey: "k" });
  const again = await port.submit(as("shop"), { type: "mail", idempotencyKey: "k" });
  const bank = await port.submit(as("bank"), { type: "mail", idempotencyKey: "k" });
  expect(new Set([other.id, first.id, bank.id]).size).toBe(3);
  expect(again).toEqual({ id: first.id, created: false });
  // As long as the SDK says, also for the longest name of a plugin.
  const longest = await port.submit(as("p".repeat(64)), { type: "mail", idempotencyKey: "k".repeat(184) });
  expect(longest.created).toBe(true);
  for (const idempotencyKey of ["", "k".repeat(185)]) {
    await expect(port.submit(as("shop"), { type: "mail", idempotencyKey })).rejects.toMatchObject({
      code: "INVALID_PARAMS",
      message: expect.stringContaining("1 to 184"),
    });
  }
});

test("a cancel, and what waits for the plugin's own job", async () => {
  const first = await port.submit(as("shop"), { type: "mail" });
  const second = await port.submit(as("shop"), { type: "mail", dependsOn: [first.id] });
  expect(await port.cancel("shop", "mail", first.id, "enough")).toMatchObject({ status: "cancelled" });
  expect(await port.get("shop", "mail", second.id)).toMatchObject({
    status: "failed",
    error: { code: "JOB_DEPENDENCY_FAILED" },
  });
});

test.each([
  [{ type: "mail", attempts: "3" }, "INVALID_PARAMS", /attempts/],
  [{ type: "mail", delayMs: -1 }, "INVALID_PARAMS", /delayMs/],
  [{ type: "mail", dependsOn: "all" }, "INVALID_PARAMS", /dependsOn/],
  [{ type: "mail", backoff: { type: "fixed" } }, "INVALID_PARAMS", /backoff/],
  [{ type: "post" }, "JOB_TYPE_UNKNOWN", /post/],
])("what a plugin may not ask for is refused: %j", async (request, code, message) => {
  await expect(port.submit(as("shop"), request)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
});

test("what is no id is refused", async () => {
  await expect(port.get("shop", "mail", "../1")).rejects.toMatchObject({ code: "INVALID_PARAMS" });
});
