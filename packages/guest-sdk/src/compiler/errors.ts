import { AspenError } from "@aspen/plugin-api/abi";

/** One thing that is wrong with a plugin's source. */
export interface BuildProblem {
  message: string;
  /** Relative to the plugin's folder. */
  file?: string;
  line?: number;
  column?: number;
  /** The files that lead to `file`, the plugin's own first. */
  importedBy?: string[];
}

function shown({ message, file, line, column, importedBy }: BuildProblem): string {
  const chain = importedBy ? ` (imported by ${importedBy.join(" > ")})` : "";
  return file === undefined ? message : `${file}:${line ?? 1}:${column ?? 1}: ${message}${chain}`;
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
  tooMuchMemory: (plugin: string, limit: number, stack: string) =>
    new AspenError(
      "BUILD_FAILED",
      `the top level of plugin ${plugin}, which runs when it is built, needs more than its memory_limit of ${limit} bytes; raise memory_limit, or make and bundle less\n${stack.trimEnd()}`,
      { limit, stack },
    ),
  notParsed: (plugin: string, problem: string, stack: string) =>
    new AspenError(
      "BUILD_FAILED",
      `plugin ${plugin} does not compile: the engine says ${problem}; a source is too large or nests too deeply for it\n${stack.trimEnd()}`,
      { problem, stack },
    ),
  engineTrapped: (plugin: string, cause: Error) =>
    new AspenError(
      "BUILD_FAILED",
      `plugin ${plugin} does not compile: the engine failed (${cause.message}); a source nests too deeply, or the top level needs more than memory_limit`,
      { problem: cause.message },
      cause,
    ),
  bundlerDied: (plugin: string, cause: unknown) =>
    new AspenError(
      "BUILD_FAILED",
      `plugin ${plugin} does not compile: the bundler ended; a source nests too deeply or needs too much memory`,
      undefined,
      cause,
    ),
  processDied: (directory: string, reason: string, output: string) =>
    new AspenError(
      "BUILD_FAILED",
      `the build of ${directory} ended too early (${reason}); its sources need more than a build has${output && `\n${output}`}`,
      { reason, output },
    ),
  tooSlow: (directory: string, limitMs: number) =>
    new AspenError(
      "BUILD_FAILED",
      `the build of ${directory} took longer than ${limitMs / 1000} s and was stopped; bundle less, or allow more with timeoutMs`,
      { limitMs },
    ),
  notRegular: (path: string) =>
    new AspenError("BUILD_FAILED", `${path} is not a regular file; a build reads no other kind`, { path }),
  sourceTooLarge: (path: string, limit: number) =>
    new AspenError("BUILD_FAILED", `${path} has more than ${limit} bytes, which is the most that a build reads`, {
      path,
      limit,
    }),
  sourcesTooLarge: (limit: number) =>
    new AspenError("BUILD_FAILED", `the sources have more than ${limit} bytes together; bundle less`, { limit }),
  outputName: (field: string, file: string) =>
    new AspenError(
      "BUILD_FAILED",
      `${field} is ${JSON.stringify(file)}, a file that the build itself writes; choose another`,
      {
        field,
        file,
      },
    ),
  notWritten: (path: string, cause: unknown) =>
    new AspenError(
      "BUILD_FAILED",
      `${path} cannot be written: ${cause instanceof Error ? cause.message : cause}`,
      { path },
      cause,
    ),
  wasmTooLarge: (plugin: string, bytes: number, limit: number) =>
    new AspenError(
      "BUILD_FAILED",
      `plugin ${plugin} becomes ${bytes} bytes of wasm, and no node installs more than ${limit}; bundle less, or make at the top level less that stays in memory`,
      { bytes, limit },
    ),
  otherTier: (plugin: string, tier: string) =>
    new AspenError(
      "BUILD_FAILED",
      `plugin ${plugin} belongs to the ${tier} tier (entry.kind of plugin.json); only wasm is built`,
      { plugin, tier },
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
