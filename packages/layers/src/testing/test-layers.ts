import type { ConformanceOptions, TestFramework } from "@aspen/storage/testing";
import { leaseCases } from "./lease-cases.js";
import { rateLimitCases } from "./rate-limit-cases.js";

let namespaces = 0;

/** Declares the tests of every layer on one driver. */
export function testLayers({ describe, test }: TestFramework, { name, open }: ConformanceOptions): void {
  for (const [layer, cases] of Object.entries({ lease: leaseCases, "rate limit": rateLimitCases })) {
    describe(`${name}: ${layer}`, () => {
      for (const it of cases) {
        test(it.name, async () => {
          await using store = await open();
          namespaces += 1;
          await it.run(store, `layer-${process.pid}-${namespaces}:`);
        });
      }
    });
  }
}
