import assert from "node:assert/strict";
import { rejectsWith } from "./expectations.js";
import type { RuntimeCase } from "./runtime-case.js";

export const stopsCodeCases: readonly RuntimeCase[] = [
  {
    name: "a loop is stopped at its deadline, and later calls are answered",
    async run(bench) {
      const plugin = await bench.start({ manifest: { execution_timeout_ms: 2000 } });
      await rejectsWith("PLUGIN_TIMEOUT", plugin.call("suite.loop"));
      assert.equal(await plugin.call("suite.echo", 1), 1);
    },
  },
];

export const boundsMemoryCases: readonly RuntimeCase[] = [
  {
    name: "a plugin that hoards is PLUGIN_OUT_OF_MEMORY, and later calls are answered",
    async run(bench) {
      const plugin = await bench.start({ manifest: { memory_limit: 16 * 1024 * 1024 } });
      await rejectsWith("PLUGIN_OUT_OF_MEMORY", plugin.call("suite.hoard"));
      assert.equal(await plugin.call("suite.echo", 1), 1);
    },
  },
];
