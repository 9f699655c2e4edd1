import { builtinModules } from "node:module";
import { basename, dirname, extname } from "node:path";
import {
  build,
  type ImportKind,
  type Loader,
  type OnResolveArgs,
  type OnResolveResult,
  type Plugin,
  type PluginBuild,
} from "esbuild";
import { isGuarded } from "./guards.js";
import { portablePath } from "./portable-path.js";
import { problemAsResult, type Sources } from "./sources.js";

const ABSENT = "aspen-absent";
/** Marks a look-up of our own, because `onResolve` is called for it too. */
const LOOKED_UP = Symbol("looked up");
const BUILTINS = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
/** Imports that run when they are reached, so that code can be prepared for their failure. */
const AT_RUN_TIME: readonly ImportKind[] = ["require-call", "dynamic-import", "require-resolve"];

const LOADERS: readonly [extension: RegExp, loader: Loader][] = [
  [/\.[mc]?ts$/, "ts"],
  [/\.tsx$/, "tsx"],
  [/\.jsx$/, "jsx"],
];

/** Follows the imports of a build: which file imports which, and which modules of Node they ask for. */
export class Imports {
  readonly #seen: OnResolveArgs[] = [];

  constructor(private readonly sources: Sources) {}

  plugin(): Plugin {
    return {
      name: "aspen-imports",
      setup: (build) => {
        build.onResolve({ filter: /.*/ }, (args) => problemAsResult<OnResolveResult>(() => this.#resolve(build, args)));
        build.onLoad({ filter: /.*/, namespace: ABSENT }, ({ path }) => ({
          contents: `throw new Error(${JSON.stringify(absent(path))});`,
          loader: "js",
        }));
      },
    };
  }

  /** For each file the files that lead to it, the plugin's own first; for a file that nothing imports, none. */
  async chainsTo(files: readonly string[]): Promise<ReadonlyMap<string, string[]>> {
    const chains = new Map<string, string[]>();
    // The bundler can be asked only during a build.
    const plugin: Plugin = {
      name: "aspen-chains",
      setup: (asked) => {
        asked.onStart(async () => {
          for (const file of files) chains.set(file, await this.#chainTo(file, asked));
        });
      },
    };
    await build({ stdin: { contents: "" }, write: false, logLevel: "silent", platform: "browser", plugins: [plugin] });
    return chains;
  }

  async #resolve({ resolve }: PluginBuild, args: OnResolveArgs): Promise<OnResolveResult | undefined> {
    const { path, importer, resolveDir, kind, pluginData } = args;
    if (pluginData === LOOKED_UP || resolveDir === "") return undefined;
    await this.sources.checkSettings(resolveDir, path);
    this.#seen.push(args);
    if (!BUILTINS.has(path)) return undefined;
    // A package that stands in for a module of Node, or the file that replaces it in browsers.
    const found = await resolve(path, { ...placeOf(args), pluginData: LOOKED_UP });
    if (found.errors.length === 0) return undefined;
    if (AT_RUN_TIME.includes(kind) && (await this.#isGuarded(importer, path))) return { path, namespace: ABSENT };
    return { errors: [{ text: absent(path) }] };
  }

  async #isGuarded(importer: string, specifier: string): Promise<boolean> {
    const loader = LOADERS.find(([extension]) => extension.test(importer))?.[1] ?? "js";
    return isGuarded(await this.sources.read(importer), loader, specifier);
  }

  async #chainTo(file: string, asked: PluginBuild): Promise<string[]> {
    const chain = [file];
    for (;;) {
      const importer = await this.#importerOf(chain[0]!, asked);
      if (!importer || chain.includes(importer)) break;
      chain.unshift(importer);
    }
    return chain.slice(0, -1).map((path) => portablePath(path, this.sources.directory));
  }

  async #importerOf(file: string, { resolve }: PluginBuild): Promise<string | null> {
    for (const args of this.#seen) {
      // Asking takes milliseconds, and there may be thousands of imports.
      if (!mayName(args.path, file)) continue;
      if ((await resolve(args.path, placeOf(args))).path === file) return args.importer;
    }
    return null;
  }
}

/** What a look-up depends on besides the specifier. */
function placeOf({ importer, namespace, resolveDir, kind, with: attributes }: OnResolveArgs) {
  return { importer, namespace, resolveDir, kind, with: attributes };
}

/** False for a relative import of a file with another name. */
function mayName(specifier: string, file: string): boolean {
  const named = stem(basename(specifier));
  return !/^\.\.?\//.test(specifier) || [stem(basename(file)), basename(dirname(file))].includes(named);
}

function stem(name: string): string {
  return name.slice(0, name.length - extname(name).length);
}

function absent(path: string): string {
  return `${JSON.stringify(path)} is a module of Node, which a plugin does not have`;
}
