import type { Store } from "../store.js";
import { blobGarbageCases } from "./cases/blob-garbage-cases.js";
import { blobStoreCases } from "./cases/blob-store-cases.js";
import { keyValueStoreCases } from "./cases/key-value-store-cases.js";
import { maintenanceCases } from "./cases/maintenance-cases.js";
import { watchCases } from "./cases/watch-cases.js";

/** The part of a test framework that is used; jest, vitest and `node:test` have it. */
export interface TestFramework {
  describe(name: string, body: () => void): unknown;
  test(name: string, body: () => Promise<void>): unknown;
}

export interface ConformanceOptions {
  /** Name of the driver, for the tests' titles. */
  name: string;
  /** Opens a store for one test; it may hold what earlier tests left. The suite disposes it. */
  open(): Promise<Store>;
}

let namespaces = 0;

/** Declares the tests of the whole contract. */
export function testStore({ describe, test }: TestFramework, { name, open }: ConformanceOptions): void {
  const groups = {
    "key-value store": keyValueStoreCases,
    watch: watchCases,
    "blob store": blobStoreCases,
    "blob references and garbage": blobGarbageCases,
    "maintenance, where it is offered": maintenanceCases,
  };
  for (const [group, cases] of Object.entries(groups)) {
    describe(`${name}: ${group}`, () => {
      for (const it of cases) {
        test(it.name, async () => {
          await using store = await open();
          namespaces += 1;
          await it.run(store, `case-${process.pid}-${namespaces}:`);
        });
      }
    });
  }
}
