import assert from "node:assert/strict";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { rejectsWith, writesNoMore, written } from "./expectations.js";
import type { RuntimeBench } from "./runtime-bench.js";
import type { RuntimeCase } from "./runtime-case.js";

const put = ({ store }: RuntimeBench, key: string, value = "1") => store.kv.put(key, encodeUtf8(value));
const unlimited = () => new AbortController().signal;

export const lifecycleCases: readonly RuntimeCase[] = [
  {
    name: "two calls at once do not mix up their log records",
    async run(bench) {
      const plugin = await bench.start({ manifest: { max_instances: 2 } });
      const answers = await Promise.all([
        plugin.call("suite.meet", { id: "a", other: "b" }, { requestId: "r-a" }),
        plugin.call("suite.meet", { id: "b", other: "a" }, { requestId: "r-b" }),
      ]);
      assert.deepEqual(answers, ["a", "b"]);
      assert.equal(bench.logs.length, 4);
      for (const { fields, requestId } of bench.logs) assert.equal(requestId, `r-${fields?.id}`);
    },
  },
  {
    name: "with one instance, calls run one after the other",
    async run(bench) {
      const plugin = await bench.start({ manifest: { max_instances: 1 } });
      const together = await Promise.all(Array.from({ length: 20 }, () => plugin.call("suite.alone")));
      assert.deepEqual(new Set(together), new Set([1]));
    },
  },
  {
    name: "a call over its time is PLUGIN_TIMEOUT, does nothing after it, and later calls are answered",
    async run(bench) {
      const plugin = await bench.start({ manifest: { execution_timeout_ms: 2000, max_instances: 1 } });
      const error = await rejectsWith("PLUGIN_TIMEOUT", plugin.call("suite.forever"));
      assert.deepEqual(error.details, { plugin: "suite", limitMs: 2000 });
      await writesNoMore(bench);
      assert.equal(await plugin.call("suite.echo", 1), 1);
    },
  },
  {
    name: "a call that its caller gives up is CANCELLED, does nothing after it, and later calls are answered",
    async run(bench) {
      const plugin = await bench.start({ manifest: { max_instances: 1 } });
      const controller = new AbortController();
      const call = rejectsWith("CANCELLED", plugin.call("suite.forever", null, { signal: controller.signal }));
      await written(bench, "suite:alive");
      controller.abort();
      await call;
      await writesNoMore(bench);
      await rejectsWith("CANCELLED", plugin.call("suite.echo", 1, { signal: AbortSignal.abort() }));
      assert.equal(await plugin.call("suite.echo", 1), 1);
    },
  },
  {
    name: "a call that waits for its turn can be given up",
    async run(bench) {
      const plugin = await bench.start({ manifest: { max_instances: 1 } });
      const first = plugin.call("suite.wait", "suite:go");
      await written(bench, "suite:waiting");
      const controller = new AbortController();
      const second = rejectsWith("CANCELLED", plugin.call("suite.echo", 2, { signal: controller.signal }));
      controller.abort();
      await second;
      await put(bench, "suite:go");
      assert.equal(await first, "waited");
    },
  },
  {
    name: "health is the plugin's own word, and returns",
    async run(bench) {
      const plugin = await bench.start();
      assert.deepEqual(await plugin.health(), { state: "healthy" });
      for (const [said, told] of [
        ["low on disk", /low on disk/],
        ["false", /false/],
        ["throw", /the check failed/],
      ] as const) {
        await put(bench, "suite:health", said);
        const health = await plugin.health();
        assert.equal(health.state, "degraded");
        assert.match((health as { message: string }).message, told);
        assert.equal(await plugin.call("suite.echo", 1), 1);
      }
      await bench.store.kv.delete("suite:health");
      assert.deepEqual(await plugin.health(), { state: "healthy" });
    },
  },
  {
    name: "a plugin without a health check is healthy",
    async run(bench) {
      const plugin = await bench.start({ fixture: "neighbour" });
      assert.deepEqual(await plugin.health(), { state: "healthy" });
    },
  },
  {
    name: "a health check without an answer is given up by its signal",
    async run(bench) {
      const plugin = await bench.start();
      await put(bench, "suite:health", "forever");
      assert.equal((await plugin.health(AbortSignal.timeout(50))).state, "degraded");
      await put(bench, "suite:healed");
      assert.equal(await plugin.call("suite.echo", 1), 1);
    },
  },
  {
    name: "drain lets calls under way end, refuses others, then runs the plugin's shutdown",
    async run(bench) {
      const plugin = await bench.start();
      const call = plugin.call("suite.wait", "suite:go");
      await written(bench, "suite:waiting");
      const drained = plugin.instance.drain(unlimited());
      await rejectsWith("PLUGIN_UNAVAILABLE", plugin.call("suite.echo", 1));
      assert.equal(await bench.store.kv.get("suite:shutdown"), null);
      await put(bench, "suite:go");
      assert.equal(await call, "waited");
      await drained;
      await written(bench, "suite:shutdown");
      await rejectsWith("PLUGIN_UNAVAILABLE", plugin.call("suite.echo", 1));
    },
  },
  {
    name: "drain waits no longer than its signal says",
    async run(bench) {
      const plugin = await bench.start();
      const call = assert.rejects(plugin.call("suite.forever"));
      await written(bench, "suite:alive");
      await plugin.instance.drain(AbortSignal.timeout(50));
      await call;
      await writesNoMore(bench);
      assert.equal(await bench.store.kv.get("suite:shutdown"), null);
    },
  },
  {
    name: "a shutdown that throws is told in the log and holds up nothing",
    async run(bench) {
      const plugin = await bench.start({ config: { shutdown: "throw" } });
      await plugin.instance.drain(unlimited());
      const line = bench.logs.find(({ message }) => message.includes("no end today"));
      assert.equal(line?.level, "warn");
    },
  },
  {
    name: "dispose ends calls under way, and can be repeated",
    async run(bench) {
      const plugin = await bench.start();
      const call = assert.rejects(plugin.call("suite.forever"));
      await written(bench, "suite:alive");
      await plugin.instance[Symbol.asyncDispose]();
      await call;
      await writesNoMore(bench);
      await plugin.instance[Symbol.asyncDispose]();
      await rejectsWith("PLUGIN_UNAVAILABLE", plugin.call("suite.echo", 1));
    },
  },
];
