import { dirname, isAbsolute, join, resolve } from "node:path";
import { isAspenError } from "@aspen/plugin-api/abi";
import type { OnLoadResult, PartialMessage, Plugin } from "esbuild";
import { compilerErrors } from "../errors.js";
import { openRegular, readRegular, SETTINGS_BYTES_MAX, startsWithMark } from "../regular-file.js";
import { portablePath } from "./portable-path.js";

/** Most bytes of one source file; a plugin's wasm file has no more either. */
const SOURCE_BYTES_MAX = 16 * 1024 * 1024;
/** Most bytes of all sources of a plugin together. */
const SOURCES_BYTES_MAX = 32 * 1024 * 1024;

/** Files that the bundler reads while it looks for a module. */
const SETTINGS = ["package.json", "tsconfig.json"];

/**
 * Checks what the bundler is about to read: the bundler would wait for a pipe, and read a device until memory is full.
 * Each build has its own instance, which remembers what it has seen.
 */
export class Sources {
  #bytes = 0;
  readonly #checked = new Map<string, Promise<void>>();

  constructor(readonly directory: string) {}

  read(path: string): Promise<Uint8Array> {
    return readRegular(path, SOURCE_BYTES_MAX, portablePath(path, this.directory));
  }

  /** Checks the settings that are read when `specifier` is looked for from a folder. @throws AspenError `BUILD_FAILED` */
  async checkSettings(folder: string, specifier: string): Promise<void> {
    await this.#checkAncestors(folder);
    if (isAbsolute(specifier) || /^\.\.?(\/|$)/.test(specifier)) {
      const target = resolve(folder, specifier);
      await (dirname(target) === folder ? this.#checkFolder(target) : this.#checkAncestors(target));
    } else {
      const inPackage = specifier.split("/", specifier.startsWith("@") ? 2 : 1);
      await this.#once(`${folder}\0${inPackage.join("/")}`, () =>
        Promise.all(ancestorsOf(folder).map((it) => this.#checkFolder(join(it, "node_modules", ...inPackage)))),
      );
    }
  }

  plugin(): Plugin {
    return {
      name: "aspen-sources",
      setup: ({ onLoad }) => {
        onLoad({ filter: /.*/, namespace: "file" }, ({ path }) =>
          problemAsResult<OnLoadResult>(async () => {
            // Usually it returns nothing. Then the bundler reads the file, unless package.json leaves the file out.
            if (!(await this.#check(path))) return undefined;
            return { contents: await this.read(path), loader: "default" };
          }),
        );
      },
    };
  }

  /** True for a file with a byte-order mark before `#!`, where the bundler does not ignore it. */
  async #check(path: string): Promise<boolean> {
    const file = await openRegular(path, SOURCE_BYTES_MAX, portablePath(path, this.directory));
    try {
      const { size } = await file.stat();
      this.#bytes += size;
      if (this.#bytes > SOURCES_BYTES_MAX) throw compilerErrors.sourcesTooLarge(SOURCES_BYTES_MAX);
      const { buffer } = await file.read(Buffer.alloc(5), 0, 5, 0);
      return startsWithMark(buffer) && buffer.subarray(3).toString() === "#!";
    } finally {
      await file.close();
    }
  }

  #checkAncestors(folder: string): Promise<void> {
    return this.#once(`${folder}\0`, () => Promise.all(ancestorsOf(folder).map((it) => this.#checkFolder(it))));
  }

  #checkFolder(folder: string): Promise<void> {
    return this.#once(folder, () => Promise.all(SETTINGS.map((name) => this.#checkFile(join(folder, name)))));
  }

  async #checkFile(path: string): Promise<void> {
    try {
      await (await openRegular(path, SETTINGS_BYTES_MAX, portablePath(path, this.directory))).close();
    } catch (error) {
      // The bundler itself reports a file that cannot be opened.
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    }
  }

  #once(key: string, check: () => Promise<unknown>): Promise<void> {
    let checked = this.#checked.get(key);
    if (!checked) {
      checked = check().then(() => undefined);
      this.#checked.set(key, checked);
    }
    return checked;
  }
}

/** Has a problem told at the place of the import: the bundler places what is thrown in its own code. */
export async function problemAsResult<Result>(
  work: () => Promise<Result | undefined>,
): Promise<Result | { errors: PartialMessage[] } | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isAspenError(error)) throw error;
    return { errors: [{ text: error.message }] };
  }
}

function ancestorsOf(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestorsOf(parent)];
}
