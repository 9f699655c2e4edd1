import { join } from "node:path";
import { BUNDLE_NAME } from "@aspen/plugin-api/abi";
import { type BuildResult, build, type Message, type Plugin, stop } from "esbuild";
import { type BuildProblem, compilerErrors } from "../errors.js";
import { PACKAGE_ROOT } from "../template/template-file.js";
import type { WasmManifest } from "../wasm-manifest.js";
import { Imports } from "./imports.js";
import { portablePath } from "./portable-path.js";
import { Sources } from "./sources.js";

export interface Bundle {
  code: string;
  /** Source map without the sources, as JSON. */
  sourceMap: string;
}

const GUEST_FILES: Readonly<Record<string, string>> = {
  "aspen:prelude": join(PACKAGE_ROOT, "dist", "guest", "prelude.js"),
  "aspen:serve": join(PACKAGE_ROOT, "dist", "guest", "serve.js"),
  // The plugin's own copy could have another version than the engine template.
  "@aspen/guest-sdk": join(PACKAGE_ROOT, "dist", "index.js"),
};

const ENTRY = "aspen-entry.js";

/**
 * Bundles a plugin's entry with all that it imports into one script. The rules are those of bundlers for browsers,
 * because a plugin has no more of Node than a page has.
 *
 * @throws AspenError `BUILD_FAILED`
 */
export async function bundlePlugin(directory: string, manifest: WasmManifest): Promise<Bundle> {
  const { name, version, api_version, entry } = manifest;
  const source = `./${entry.source}`;
  const entryPoint = [
    `import "aspen:prelude";`,
    // Imported as a namespace, so that `serve` can explain a missing default export.
    `import * as plugin from ${JSON.stringify(source)};`,
    `import { serve } from "aspen:serve";`,
    `serve(plugin["default"], ${JSON.stringify({ name, version, api_version })});`,
  ].join("\n");
  const sources = new Sources(directory);
  const imports = new Imports(sources);
  await sources.checkSettings(directory, source);
  try {
    const result = await build({
      absWorkingDir: directory,
      stdin: { contents: entryPoint, resolveDir: directory, sourcefile: ENTRY, loader: "js" },
      outfile: BUNDLE_NAME,
      bundle: true,
      write: false,
      metafile: true,
      format: "iife",
      platform: "browser",
      target: "es2023",
      define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
      sourcemap: "external",
      sourcesContent: false,
      legalComments: "none",
      logLevel: "silent",
      // A plugin's tsconfig is for its editor. The build takes from it only what changes the meaning of code.
      plugins: [guestModules(), imports.plugin(), sources.plugin()],
    });
    return bundleOf(result, directory);
  } catch (error) {
    const { errors } = error as { errors?: Message[] };
    if (errors) throw compilerErrors.sourceInvalid(name, await problemsOf(errors, directory, imports));
    // How esbuild reports that its process is gone. It ends by itself only when its stack or memory is full.
    if (/^The service (was stopped|is no longer running)/.test((error as Error).message)) {
      throw compilerErrors.bundlerDied(name, error);
    }
    throw error;
  } finally {
    await stop();
  }
}

function guestModules(): Plugin {
  return {
    name: "aspen-guest",
    setup({ onResolve }) {
      onResolve({ filter: /^(aspen:(prelude|serve)|@aspen\/guest-sdk)$/ }, ({ path }) => ({
        path: GUEST_FILES[path]!,
      }));
    },
  };
}

function bundleOf({ outputFiles, metafile }: BuildResult<{ write: false; metafile: true }>, directory: string): Bundle {
  const text = (suffix: string) => outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? "";
  const map = JSON.parse(text(".map")) as { sources: string[] };
  map.sources = map.sources.map((source) => portablePath(source, directory));
  return {
    code: portableCode(text(".js"), new Set(Object.keys(metafile.inputs)), directory),
    sourceMap: JSON.stringify(map),
  };
}

/** The key of a module in the wrapper of a CommonJS or lazy module: `  "path/of/it.js"(exports, module) {`. */
const WRAPPER = /^( {4}"(?:[^"\\]|\\.)*")(?=\((?:exports(?:, \w+)?)?\) \{$)/gm;

/** Gives modules in the code names that do not show where the plugin was built: names stay in the bytecode. */
function portableCode(code: string, inputs: ReadonlySet<string>, directory: string): string {
  return code.replace(WRAPPER, (whole) => {
    const path = JSON.parse(whole) as string;
    return inputs.has(path) ? `    ${JSON.stringify(portablePath(path, directory))}` : whole;
  });
}

/** Most problems of one build that are reported; nobody reads more. */
const PROBLEMS_MAX = 20;

async function problemsOf(messages: readonly Message[], directory: string, imports: Imports): Promise<BuildProblem[]> {
  const told = messages.slice(0, PROBLEMS_MAX);
  const pathOf = ({ location }: Message) => (location ? join(directory, location.file) : null);
  const files = new Set(told.map(pathOf).filter((path) => path !== null));
  const chains = await imports.chainsTo([...files]);
  return told.map((message): BuildProblem => {
    const { text, location } = message;
    const path = pathOf(message);
    if (!location || !path) return { message: text };
    // The chain begins with a file of our own.
    const importedBy = chains.get(path)?.filter((it) => it !== ENTRY) ?? [];
    const place = { file: portablePath(path, directory), line: location.line, column: location.column + 1 };
    return { message: text, ...place, ...(importedBy.length > 0 ? { importedBy } : {}) };
  });
}
