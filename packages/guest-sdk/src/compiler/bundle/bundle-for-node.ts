import { dirname, join } from "node:path";
import { compilerErrors } from "../errors.js";
import { PACKAGE_ROOT } from "../template/template-file.js";

export interface NodeBundleInput {
  /** The plugin's name, for errors. */
  plugin: string;
  /** Absolute path of its TypeScript or JavaScript entry. */
  source: string;
}

/** A module that came as CommonJS may ask for one of Node's own. */
const REQUIRE = `import { createRequire as createRequireOfBundle } from "node:module";
const require = createRequireOfBundle(import.meta.url);`;

let turn: Promise<unknown> = Promise.resolve();

/**
 * Bundles a plugin's entry with all that it imports, Node's own modules aside, into one ES module for Node: what a node
 * imports of a native plugin that is written in TypeScript.
 *
 * @throws AspenError `BUILD_FAILED` naming file, line and column
 */
export function bundleForNode(input: NodeBundleInput): Promise<string> {
  // One after the other: at its end each stops the process that esbuild runs.
  const mine = turn.then(() => bundle(input));
  turn = mine.catch(() => undefined);
  return mine;
}

async function bundle({ plugin, source }: NodeBundleInput): Promise<string> {
  // Loaded late: the rest of the compiler leaves esbuild to a process of its own.
  const { build, stop } = await import("esbuild");
  try {
    const { outputFiles } = await build({
      entryPoints: [source],
      absWorkingDir: dirname(source),
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      target: "node20",
      // Of the same version as whatever compiles it for WASM.
      alias: { "@aspen/guest-sdk": join(PACKAGE_ROOT, "dist", "index.js") },
      banner: { js: REQUIRE },
      sourcemap: "inline",
      sourcesContent: false,
      legalComments: "none",
      logLevel: "silent",
    });
    return outputFiles[0]!.text;
  } catch (error) {
    const { errors } = error as { errors?: { text: string; location: Location | null }[] };
    if (!errors) throw error;
    const problems = errors.slice(0, PROBLEMS_MAX).map(({ text, location }) => ({
      message: text,
      ...(location ? { file: location.file, line: location.line, column: location.column + 1 } : {}),
    }));
    throw compilerErrors.sourceInvalid(plugin, problems);
  } finally {
    await stop();
  }
}

/** Most problems of one build that are told; nobody reads more. */
const PROBLEMS_MAX = 20;

interface Location {
  file: string;
  line: number;
  column: number;
}
