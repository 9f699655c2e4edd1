import { AspenError } from "./aspen-error.js";
import { cut } from "./foreign-text.js";

/** Characters of all problems together. */
const PROBLEMS_MAX = 4096;

/** The errors of this package. */
export const pluginApiErrors = {
  manifestInvalid: (problems: readonly { field: string; rule: string }[]) =>
    new AspenError(
      "MANIFEST_INVALID",
      `plugin.json is not valid: ${cut(problems.map(({ field, rule }) => `${cut(field)}: ${cut(rule, 512)}`).join("; "), PROBLEMS_MAX)}`,
      { problems: problems.slice(0, 100).map(({ field, rule }) => ({ field: cut(field), rule: cut(rule, 512) })) },
    ),
  apiVersionUnsupported: (plugin: string, asked: string, served: readonly string[]) =>
    new AspenError(
      "API_VERSION_UNSUPPORTED",
      `plugin ${plugin} asks for API version ${cut(asked)}; this node serves ${served.join(", ")}. Rebuild the plugin for a version that is served, or update the node.`,
      { plugin, asked: cut(asked), served },
    ),
  argumentUnnamed: (hostFunction: string, argument: string) =>
    new AspenError(
      "INVALID_PARAMS",
      `${hostFunction} cannot tell which permission the call needs: the ${argument} must be one name of at most 128 letters, digits, "_", "-" and ".", and no pattern`,
      { hostFunction, parameter: argument },
    ),
  infoInvalid: (plugin: string) =>
    new AspenError(
      "PLUGIN_INVALID_RESPONSE",
      `plugin ${plugin} gave an invalid answer: plugin_info does not follow the contract`,
      { plugin },
    ),
  infoMismatch: (plugin: string, problems: readonly string[]) =>
    new AspenError(
      "MANIFEST_INVALID",
      `plugin ${plugin} disagrees with its plugin.json: ${cut(problems.join("; "), PROBLEMS_MAX)}`,
      { problems: problems.slice(0, 100).map((problem) => cut(problem, 512)) },
    ),
  hashMismatch: (plugin: string, artifact: string, expected: string, actual: string) =>
    new AspenError(
      "WASM_HASH_MISMATCH",
      `${artifact} of plugin ${plugin} has the hash ${actual}, but its plugin.json says ${expected}; build it again`,
      { plugin, artifact, expected, actual },
    ),
  overridesInvalid: (plugin: string, problems: readonly { field: string; rule: string }[]) =>
    new AspenError(
      "INVALID_PARAMS",
      `plugin ${plugin} cannot be granted this: ${cut(problems.map(({ field, rule }) => `${cut(field)}: ${cut(rule, 512)}`).join("; "), PROBLEMS_MAX)}`,
      {
        field: cut(problems[0]?.field ?? "overrides"),
        problems: problems.map(({ field, rule }) => ({ field: cut(field), rule: cut(rule, 512) })),
      },
    ),
  prefixConflict: (plugin: string, problem: string, field = "kv_prefixes") =>
    new AspenError("PLUGIN_PREFIX_CONFLICT", `plugin ${plugin}: ${problem}. Choose another prefix.`, { plugin, field }),
  dependency: (problems: readonly { plugin: string; problem: string }[]) =>
    new AspenError(
      "PLUGIN_DEPENDENCY",
      `dependencies cannot be resolved: ${problems.map(({ plugin, problem }) => `${plugin}: ${problem}`).join("; ")}`,
      { problems },
    ),
} as const;
