import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type AspenError, isAspenError } from "@aspen/plugin-api/abi";
import type { RuntimeBench } from "./runtime-bench.js";

/** Milliseconds after which something that is waited for will not come. */
const PATIENCE_MS = 60_000;
/** Milliseconds in which code that goes on would be seen to. */
const QUIET_MS = 200;

/** The `AspenError` that a promise rejects with; fails unless it has this code. */
export async function rejectsWith(code: string, promise: Promise<unknown>): Promise<AspenError> {
  const thrown = await promise.then(
    (value) => assert.fail(`expected ${code}, got the result ${JSON.stringify(value)?.slice(0, 200)}`),
    (error: unknown) => error,
  );
  assert.ok(isAspenError(thrown), `expected an AspenError, got ${thrown}`);
  assert.equal(thrown.code, code, thrown.message);
  return thrown;
}

/** Resolves when the plugin has written `key`. */
export async function written({ store }: RuntimeBench, key: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while ((await store.kv.get(key)) === null) {
    if (performance.now() > deadline) assert.fail(`waited for ${PATIENCE_MS} ms in vain: ${key} is not written`);
    await delay(1);
  }
}

/** What the plugin has appended under `prefix`, as soon as there are so many. */
export async function appended<T>({ store }: RuntimeBench, prefix: string, count: number): Promise<T[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const { entries } = await store.kv.scan({ prefix });
    if (entries.length >= count) return entries.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as T);
    if (performance.now() > deadline) assert.fail(`waited in vain for ${count} of ${prefix}: ${entries.length}`);
    await delay(5);
  }
}

/** Resolves when the plugin has stopped to write `suite:alive`; what was on its way is let through. */
export async function writesNoMore({ store }: RuntimeBench): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const before = (await store.kv.get("suite:alive"))?.version;
    await delay(QUIET_MS);
    if ((await store.kv.get("suite:alive"))?.version === before) return;
    if (performance.now() > deadline) assert.fail(`the plugin still writes after ${PATIENCE_MS} ms`);
  }
}
