import type { ConformanceOptions, TestFramework } from "@aspen/storage/testing";
import { cursorCases } from "./cursor-cases.js";
import { eventLogCases } from "./event-log-cases.js";
import { eventTrimmerCases } from "./event-trimmer-cases.js";
import { leaseCases } from "./lease-cases.js";
import { membershipCases } from "./membership-cases.js";
import { rateLimitCases } from "./rate-limit-cases.js";
import { timerCases } from "./timer-cases.js";

/** The cases of each layer; a new layer is a line here. */
const LAYERS = {
  lease: leaseCases,
  "event log": eventLogCases,
  "trimming of events": eventTrimmerCases,
  "durable cursor": cursorCases,
  membership: membershipCases,
  "rate limit": rateLimitCases,
  timers: timerCases,
};

let namespaces = 0;

/** Declares the tests of every layer on one driver. */
export function testLayers({ describe, test }: TestFramework, { name, open }: ConformanceOptions): void {
  for (const [layer, cases] of Object.entries(LAYERS)) {
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
