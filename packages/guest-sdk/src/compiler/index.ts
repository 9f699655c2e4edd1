/** From a plugin's TypeScript to one wasm file. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export {
  type BuildPluginOptions,
  type BuiltPlugin,
  buildPlugin,
  type CompiledPlugin,
  type CompileOptions,
  compilePlugin,
  isBuildCurrent,
} from "./build-plugin.js";
export { bundleForNode, type NodeBundleInput } from "./bundle/bundle-for-node.js";
export { type BuildProblem, compilerErrors } from "./errors.js";
export type { BuildBounds } from "./process/run-build.js";
