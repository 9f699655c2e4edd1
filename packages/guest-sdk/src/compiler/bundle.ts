import { builtinModules } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { BUNDLE_NAME, type PluginManifest } from "@aspen/plugin-api";
import { build, type Message, type Plugin } from "esbuild";
import { type BuildProblem, compilerErrors } from "./errors.js";
import { PACKAGE_ROOT } from "./template/template-file.js";

export interface Bundle {
  code: string;
  /** Source map without the sources, as JSON. */
  sourceMap: string;
}

const GUEST_FILES: Readonly<Record<string, string>> = {
  "aspen:prelude": join(PACKAGE_ROOT, "dist", "guest", "prelude.js"),
  "aspen:serve": join(PACKAGE_ROOT, "dist", "guest", "serve.js"),
  // The plugin's own copy could be of another version than the engine template.
  "@aspen/guest-sdk": join(PACKAGE_ROOT, "dist", "index.js"),
};

const BUILTINS = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));

/** Bundles a plugin's entry with all it imports into one script. @throws AspenError `BUILD_FAILED` */
export async function bundlePlugin(directory: string, manifest: PluginManifest): Promise<Bundle> {
  const { name, version, api_version, entry } = manifest;
  const source = `./${entry.source}`;
  const entryPoint = [
    `import "aspen:prelude";`,
    // As a namespace: a missing default export is for `serve` to explain.
    `import * as plugin from ${JSON.stringify(source)};`,
    `import { serve } from "aspen:serve";`,
    `serve(plugin["default"], ${JSON.stringify({ name, version, api_version })});`,
  ].join("\n");
  try {
    const { outputFiles } = await build({
      absWorkingDir: directory,
      stdin: { contents: entryPoint, resolveDir: directory, sourcefile: "aspen-entry.js", loader: "js" },
      outfile: BUNDLE_NAME,
      bundle: true,
      write: false,
      format: "iife",
      platform: "neutral",
      target: "es2023",
      mainFields: ["module", "main"],
      conditions: ["module", "import", "default"],
      define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
      sourcemap: "external",
      sourcesContent: false,
      legalComments: "none",
      logLevel: "silent",
      // A plugin's tsconfig is for its editor; only what changes the meaning of code is taken from it.
      plugins: [guestModules(), noBuiltins()],
    });
    const text = (suffix: string) => outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? "";
    return { code: text(".js"), sourceMap: portableMap(text(".map"), directory) };
  } catch (error) {
    const { errors } = error as { errors?: Message[] };
    if (!errors) throw error;
    throw compilerErrors.sourceInvalid(
      name,
      errors.map((message) => problemOf(message, directory)),
    );
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

/** Says that a module of Node is not there, unless an npm package of the same name stands in for it. */
function noBuiltins(): Plugin {
  const LOOKED_UP = Symbol("looked up");
  return {
    name: "aspen-no-builtins",
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^[a-z_:/]+$/ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
        if (!BUILTINS.has(path) || pluginData === LOOKED_UP) return undefined;
        if (!path.startsWith("node:")) {
          const found = await resolve(path, { importer, resolveDir, kind, pluginData: LOOKED_UP });
          if (found.errors.length === 0 && found.path) return found;
        }
        return { errors: [{ text: `${JSON.stringify(path)} is a module of Node, which a plugin does not have` }] };
      });
    },
  };
}

function problemOf({ text, location }: Message, directory: string): BuildProblem {
  if (!location) return { message: text };
  const file = relative(directory, join(directory, location.file));
  return { message: text, file, line: location.line, column: location.column + 1 };
}

/** Gives sources names that do not tell where the plugin was built, so that the file is the same anywhere. */
function portableMap(json: string, directory: string): string {
  const map = JSON.parse(json) as { sources: string[] };
  map.sources = map.sources.map((source) => {
    const path = resolve(directory, source);
    const installed = path.lastIndexOf(`node_modules${sep}`);
    const fromSdk = relative(dirname(PACKAGE_ROOT), path);
    const fromPlugin = relative(directory, path);
    if (!fromPlugin.startsWith("..") && installed < 0) return posix(fromPlugin);
    if (installed >= 0) return posix(path.slice(installed));
    // In the SDK's own repository its files are where a link in node_modules points to.
    return posix(fromSdk.startsWith("..") ? fromPlugin : join("node_modules", "@aspen", fromSdk));
  });
  return JSON.stringify(map);
}

function posix(path: string): string {
  return path.split(sep).join("/");
}
