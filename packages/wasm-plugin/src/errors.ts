import { AspenError, cut, LIMITS } from "@aspen/plugin-api";
import { callErrors } from "@aspen/plugin-host";

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
