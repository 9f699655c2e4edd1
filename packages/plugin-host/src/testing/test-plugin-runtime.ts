import { backgroundCases } from "./background-cases.js";
import { callCases } from "./call-cases.js";
import { boundsMemoryCases, stopsCodeCases } from "./capability-cases.js";
import type { PluginRuntimeHarness, TestFramework } from "./harness.js";
import { hostCases } from "./host-cases.js";
import { hostileCases } from "./hostile-cases.js";
import { httpCases } from "./http-cases.js";
import { lifecycleCases } from "./lifecycle-cases.js";
import { rpcCases } from "./rpc-cases.js";
import { artifactsOf, RuntimeBench } from "./runtime-bench.js";
import type { RuntimeCase } from "./runtime-case.js";
import { startCases } from "./start-cases.js";

/** Declares the tests of the whole contract of `PluginRuntime`. */
export function testPluginRuntime({ describe, test }: TestFramework, harness: PluginRuntimeHarness): void {
  const artifacts = artifactsOf(harness);
  const groups: Record<string, readonly RuntimeCase[]> = {
    start: startCases,
    calls: callCases,
    "the host": hostCases,
    "events and timers": backgroundCases,
    "calls of plugins": rpcCases,
    "requests to other hosts": httpCases,
    "plugins that do too much": hostileCases,
    lifecycle: lifecycleCases,
    ...(harness.stopsCode ? { "code that never ends": stopsCodeCases } : {}),
    ...(harness.boundsMemory ? { memory: boundsMemoryCases } : {}),
  };
  for (const [group, cases] of Object.entries(groups)) {
    describe(`${harness.name}: ${group}`, () => {
      for (const it of cases) {
        test(it.name, async () => {
          await using bench = new RuntimeBench(harness.runtime(), artifacts);
          await it.run(bench);
        });
      }
    });
  }
}
