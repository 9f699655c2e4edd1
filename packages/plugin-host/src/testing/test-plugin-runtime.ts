import { abiCases } from "./abi-cases.js";
import { backgroundCases } from "./background-cases.js";
import { blobCases } from "./blob-cases.js";
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

/** What of the contract the store takes part in. */
const hostGroups: Readonly<Record<string, readonly RuntimeCase[]>> = {
  "the host": hostCases,
  "blobs in parts": blobCases,
  "events and timers": backgroundCases,
};

/** Declares the tests of the whole contract of `PluginRuntime`. */
export function testPluginRuntime(framework: TestFramework, harness: PluginRuntimeHarness): void {
  declare(framework, harness, {
    start: startCases,
    calls: callCases,
    ...hostGroups,
    "calls of plugins": rpcCases,
    "requests to other hosts": httpCases,
    "the ABI": abiCases,
    "plugins that do too much": hostileCases,
    lifecycle: lifecycleCases,
    ...(harness.stopsCode ? { "code that never ends": stopsCodeCases } : {}),
    ...(harness.boundsMemory ? { memory: boundsMemoryCases } : {}),
  });
}

/** Declares the tests of the host functions, events and timers alone: on a store of the harness's. */
export function testHostFunctions(framework: TestFramework, harness: PluginRuntimeHarness): void {
  declare(framework, harness, hostGroups);
}

/** Declares the tests of the host ABI that a plugin in any language passes which does what the fixture `abi` does. */
export function testHostAbi(framework: TestFramework, harness: PluginRuntimeHarness): void {
  declare(framework, harness, { "the ABI": abiCases });
}

function declare(
  { describe, test }: TestFramework,
  harness: PluginRuntimeHarness,
  groups: Readonly<Record<string, readonly RuntimeCase[]>>,
): void {
  const artifacts = artifactsOf(harness);
  for (const [group, cases] of Object.entries(groups)) {
    describe(`${harness.name}: ${group}`, () => {
      for (const it of cases) {
        test(it.name, async () => {
          await using bench = new RuntimeBench(harness.runtime(), artifacts, await harness.store?.());
          await it.run(bench);
        });
      }
    });
  }
}
