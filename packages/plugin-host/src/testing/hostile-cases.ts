import assert from "node:assert/strict";
import { LIMITS } from "@aspen/plugin-api/abi";
import { appended, rejectsWith } from "./expectations.js";
import type { RuntimeBench, StartedPlugin } from "./runtime-bench.js";
import type { RuntimeCase } from "./runtime-case.js";

const PER_SECOND = 20;
const LIMITS_OF_IT = { eventsPerSecond: PER_SECOND, kvOpsPerSecond: 5 * PER_SECOND };

/** A plugin that does too much, and one beside it that is asked again and again meanwhile. */
async function beside(bench: RuntimeBench, work: (hostile: StartedPlugin) => Promise<void>): Promise<void> {
  const neighbour = await bench.start({ fixture: "neighbour", config: { of: "neighbour" } });
  const hostile = await bench.start({ fixture: "hostile", limits: LIMITS_OF_IT });
  const over = new AbortController();
  let answered = 0;
  const asking = (async () => {
    while (!over.signal.aborted) {
      assert.deepEqual(await neighbour.call("neighbour.config"), { of: "neighbour" });
      answered += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  try {
    await work(hostile);
    assert.equal(await hostile.call("hostile.echo", "on"), "on");
  } finally {
    over.abort();
    await asking;
  }
  assert.ok(answered > 0);
}

export const hostileCases: readonly RuntimeCase[] = [
  {
    name: "a storm of events, of writes, and of timers each end with one code, and the neighbour is answered",
    async run(bench) {
      await beside(bench, async (hostile) => {
        const refused = async (method: string) => (await hostile.call(method)) as { times: number; code: string };
        const events = await refused("hostile.events");
        assert.equal(events.code, "RATE_LIMITED");
        assert.ok(events.times >= PER_SECOND, `${events.times} events`);
        assert.equal((await refused("hostile.writes")).code, "RATE_LIMITED");
        assert.deepEqual(await refused("hostile.timers"), { times: LIMITS.timers, code: "TOO_MANY_TIMERS" });
      });
    },
  },
  {
    name: "a plugin that calls itself, and one that calls two hundred times at once, end with a code or an answer",
    async run(bench) {
      await beside(bench, async (hostile) => {
        await rejectsWith("RPC_CYCLE", hostile.call("hostile.self"));
        assert.equal(await hostile.call("hostile.calls", "neighbour.config"), 200);
        await rejectsWith("RPC_CYCLE", hostile.call("hostile.calls", "hostile.echo"));
      });
    },
  },
  {
    name: "a plugin that follows what it emits itself goes on at the rate of its events, and the neighbour is answered",
    async run(bench) {
      await beside(bench, async (hostile) => {
        const background = hostile.background();
        await hostile.call("hostile.begin");
        await appended(bench, "hostile:told:", PER_SECOND + 5);
        await background[Symbol.asyncDispose]();
      });
    },
  },
];
