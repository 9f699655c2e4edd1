/** The conformance suite that every plugin runtime passes; for tiers of your own. @module */
export type { PluginFixture, PluginRuntimeHarness, TestFramework } from "./harness.js";
export { testHostAbi, testHostFunctions, testPluginRuntime } from "./test-plugin-runtime.js";
