import { AspenError } from "@aspen/plugin-api";

/** One thing that is wrong with a plugin's source. */
export interface BuildProblem {
  message: string;
  /** Relative to the plugin's folder. */
  file?: string;
  line?: number;
  column?: number;
}

function shown({ message, file, line, column }: BuildProblem): string {
  return file === undefined ? message : `${file}:${line ?? 1}:${column ?? 1}: ${message}`;
}

/** The errors of the compiler. */
export const compilerErrors = {
  sourceInvalid: (plugin: string, problems: readonly BuildProblem[]) =>
    new AspenError("BUILD_FAILED", `plugin ${plugin} does not compile: ${problems.map(shown).join("; ")}`, {
      problems,
    }),
  topLevelThrew: (plugin: string, message: string, stack: string) =>
    new AspenError(
      "BUILD_FAILED",
      `the top level of plugin ${plugin}, which runs when it is built, threw ${message}\n${stack.trimEnd()}`,
      { message, stack },
    ),
  topLevelEndless: (plugin: string, file: string, limitMs: number, stack: string) =>
    new AspenError(
      "BUILD_FAILED",
      `${file}: the plugin's top level ran longer than ${limitMs / 1000} s, and was stopped; move the work of ${plugin} to a handler or onInit\n${stack.trimEnd()}`,
      { file, limitMs, stack },
    ),
  hostCallAtBuild: (hostFunction: string) =>
    new AspenError(
      "BUILD_FAILED",
      `${hostFunction} cannot be called at the top level, which runs when the plugin is built; call it in a handler or in onInit`,
      { hostFunction },
    ),
  tooMuchMemory: (plugin: string, bytes: number, limit: number) =>
    new AspenError(
      "BUILD_FAILED",
      `plugin ${plugin} starts with ${bytes} bytes of memory, over its memory_limit of ${limit}; raise memory_limit or bundle less`,
      { bytes, limit },
    ),
  wasmTooLarge: (plugin: string, bytes: number, limit: number) =>
    new AspenError(
      "BUILD_FAILED",
      `plugin ${plugin} becomes ${bytes} bytes of wasm, and no node installs more than ${limit}; bundle less, or make at the top level less that stays in memory`,
      { bytes, limit },
    ),
  manifestUnreadable: (path: string, problem: string, cause: unknown) =>
    new AspenError("BUILD_FAILED", `${path} ${problem}`, { path }, cause),
  noTemplate: (path: string, cause: unknown) =>
    new AspenError(
      "BUILD_FAILED",
      `the engine template ${path} is not there; run \`npm run build\` first`,
      { path },
      cause,
    ),
  engine: (problem: string) =>
    new AspenError("INTERNAL", `the engine template is not as the compiler expects: ${problem}`),
} as const;
