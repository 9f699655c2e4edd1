import { AspenError, cut, LIMITS } from "@aspen/plugin-api";
import { callErrors } from "@aspen/plugin-host";

/** The errors of modules that are no plugins; `module` is the hash of the file. */
export const moduleErrors = {
  invalid: (module: string, problem: string) =>
    new AspenError("WASM_INVALID", `the module ${module} cannot be used: ${cut(problem, 512)}`, {
      module,
      problem: cut(problem, 512),
    }),
  trap: (module: string, problem: string) =>
    new AspenError("PLUGIN_TRAP", `the module ${module} trapped: ${cut(problem, 4096)}`, { module }),
  outOfMemory: (module: string, memoryLimit: number) =>
    new AspenError("PLUGIN_OUT_OF_MEMORY", `the module ${module} needed more than ${memoryLimit} bytes of memory`, {
      module,
      memoryLimit,
    }),
  invalidOutput: (module: string, problem: string) =>
    new AspenError(
      "PLUGIN_INVALID_RESPONSE",
      `the output of the module ${module} cannot be used: ${cut(problem, 512)}`,
      {
        module,
      },
    ),
  inputTooLarge: (bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the input of the module has ${bytes} bytes; at most ${LIMITS.messageBytes} are allowed`,
      { bytes, limit: LIMITS.messageBytes },
    ),
} as const;

/** Characters that say what is wrong with a file; it may have chosen some of them. */
const PROBLEM_MAX = 512;

/** The errors of this package. */
export const wasmErrors = {
  ...callErrors,
  invalid: (plugin: string, problem: string) =>
    new AspenError("WASM_INVALID", `the wasm file of plugin ${plugin} cannot be used: ${cut(problem, PROBLEM_MAX)}`, {
      plugin,
      problem: cut(problem, PROBLEM_MAX),
    }),
  unverified: (plugin: string, cause: Error) =>
    new AspenError(
      "PLUGIN_UNAVAILABLE",
      `the wasm file of plugin ${plugin} could not be tried out: ${cause.message}; see that the node may start processes and try again`,
      { plugin },
      cause,
    ),
  tooLarge: (plugin: string, bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the wasm file of plugin ${plugin} has ${bytes} bytes; at most ${LIMITS.wasmBytes} are allowed`,
      { plugin, bytes, limit: LIMITS.wasmBytes },
    ),
  timeout: (plugin: string, limitMs: number) =>
    new AspenError("PLUGIN_TIMEOUT", `plugin ${plugin} ran longer than its limit of ${limitMs} ms and was stopped`, {
      plugin,
      limitMs,
    }),
  outOfMemory: (plugin: string, memoryLimit: number) =>
    new AspenError(
      "PLUGIN_OUT_OF_MEMORY",
      `plugin ${plugin} needed more than its memory_limit of ${memoryLimit} bytes`,
      {
        plugin,
        memoryLimit,
      },
    ),
} as const;
