import { expect, test } from "@jest/globals";
import { RAW_MANIFEST, rawPlugin } from "./raw-plugin.js";
import { Bench, call, failure } from "./support.js";

/** Spins for a minute, unless it is asked a second time: then the instance is another. */
const SPINS = rawPlugin(
  `(if (call $exists) (then (call $spin (i64.const 60000))))
   (call $answer)`,
);

test("a call that does not poll is ended with its worker soon after it was given up, and the plugin answers on", async () => {
  await using bench = new Bench();
  const manifest = { ...RAW_MANIFEST, execution_timeout_ms: 120_000, permissions: ["kv:read"], kv_prefixes: ["raw:"] };
  await bench.store.kv.put("raw:x", Buffer.from("1"));
  const handler = await bench.load(manifest, SPINS);
  const giveUp = new AbortController();
  const given = failure(call(handler, "raw.call", null, giveUp.signal));
  setTimeout(() => giveUp.abort(), 300);
  expect((await given).code).toBe("CANCELLED");
  await bench.store.kv.delete("raw:x");
  // The only instance would answer in a minute.
  expect(await call(handler, "raw.call", null, AbortSignal.timeout(20_000))).toMatchObject({ name: "raw" });
  await handler[Symbol.asyncDispose]();
});
