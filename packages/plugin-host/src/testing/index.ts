/** The conformance suite that every plugin runtime passes; for tiers of your own. @module */
export type { PluginFixture, PluginRuntimeHarness, TestFramework } from "./harness.js";
export { testPluginRuntime } from "./test-plugin-runtime.js";
