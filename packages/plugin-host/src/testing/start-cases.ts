import assert from "node:assert/strict";
import { rejectsWith, writesNoMore, written } from "./expectations.js";
import type { RuntimeCase } from "./runtime-case.js";

export const startCases: readonly RuntimeCase[] = [
  {
    name: "a plugin that disagrees with its manifest is refused",
    async run(bench) {
      const missing = bench.start({ manifest: { handles: ["suite.*", "absent.method"] } });
      assert.match((await rejectsWith("MANIFEST_INVALID", missing)).message, /absent\.method/);
      const uncovered = bench.start({ manifest: { handles: ["suite.echo"] } });
      assert.match((await rejectsWith("MANIFEST_INVALID", uncovered)).message, /suite\.context/);
    },
  },
  {
    name: "an init that throws fails the start with its own error, and says where in the log",
    async run(bench) {
      const error = await rejectsWith("SUITE_INIT", bench.start({ config: { init: "throw" } }));
      assert.equal(error.message, "no start today");
      assert.deepEqual(error.details, { asked: true });
      const line = bench.logs.find(({ message }) => message.includes("no start today"));
      assert.equal(line?.level, "error");
      assert.equal(typeof line?.fields?.stack, "string");
      // The next start is not held up by it.
      const plugin = await bench.start();
      assert.equal(await plugin.call("suite.echo", 1), 1);
    },
  },
  {
    name: "an init without end has the time of a call, and does nothing after it",
    async run(bench) {
      const start = bench.start({ config: { init: "forever" }, manifest: { execution_timeout_ms: 2000 } });
      await rejectsWith("PLUGIN_TIMEOUT", start);
      await writesNoMore(bench);
    },
  },
  {
    name: "a start is given up when its signal aborts, and leaves nothing that works on",
    async run(bench) {
      const reason = new Error("no longer wanted");
      const controller = new AbortController();
      const start = bench.start({ config: { init: "forever" }, signal: controller.signal });
      const outcome = assert.rejects(start, (error) => error === reason);
      await written(bench, "suite:alive");
      controller.abort(reason);
      await outcome;
      await writesNoMore(bench);
      await assert.rejects(bench.start({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
    },
  },
  {
    name: "a runtime that is disposed starts nothing, and what it had started answers no more",
    async run(bench) {
      const plugin = await bench.start();
      await bench.runtime[Symbol.asyncDispose]();
      await rejectsWith("PLUGIN_UNAVAILABLE", plugin.call("suite.echo", 1));
      await rejectsWith("PLUGIN_UNAVAILABLE", bench.start());
    },
  },
];
