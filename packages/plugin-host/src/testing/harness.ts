import type { PluginManifest } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import type { PluginArtifact, PluginRuntime } from "../runtime.js";

/** The part of a test framework that is used; jest, vitest and `node:test` have it. */
export interface TestFramework {
  describe(name: string, body: () => void): unknown;
  test(name: string, body: () => Promise<void>): unknown;
}

/** A plugin of the suite: TypeScript over `@aspen/guest-sdk`, the same for every tier. */
export interface PluginFixture {
  /** Folder of its plugin.json; its code is `src/plugin.ts`. */
  folder: string;
  /** Its plugin.json with every default. */
  manifest: PluginManifest;
}

/** What the suite has to know of a runtime. `packages/plugin-host/test/native.test.ts` is the one to copy. */
export interface PluginRuntimeHarness {
  /** Name of the tier, for the tests' titles. */
  name: string;
  /** Makes the runtime for one test; the suite disposes it. */
  runtime(): PluginRuntime;
  /** Makes of a fixture what the runtime starts. Asked once for each fixture; the suite puts in other manifests. */
  artifact(fixture: PluginFixture): Promise<PluginArtifact>;
  /** An empty store for one test; the suite disposes it. @default one in memory */
  store?(): Promise<Store>;
  /** It stops code that computes without ever calling the host. */
  stopsCode: boolean;
  /** It bounds the memory of a plugin. */
  boundsMemory: boolean;
}
