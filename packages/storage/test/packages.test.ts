import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
/** What a driver or the container needs; none of it is a dependency. */
const OPTIONAL = ["fs-native-extensions", "inversify", "ioredis", "lmdb", "reflect-metadata"];

const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as { exports: object };
/** Its entries, but for that of the container and those that a thread loads. */
const ENTRIES = Object.keys(exports)
  .map((subpath) => subpath.slice(1))
  .filter(
    (subpath) => !["/package.json", "/module", "/embedded/worker-reader", "/embedded/inspector"].includes(subpath),
  );

/** Tells every module that is imported, of either kind. */
const HOOK = `import { writeSync } from "node:fs";
export async function load(url, context, next) { writeSync(1, url + "\\n"); return next(url, context); }`;

async function run(code: string, directory: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], {
    cwd: directory,
    timeout: 60_000,
  });
  return stdout;
}

/** The optional packages of which something is loaded by `code`. */
async function loaded(code: string): Promise<string[]> {
  const hook = `data:text/javascript,${encodeURIComponent(HOOK)}`;
  const stdout = await run(
    `import { createRequire, register } from "node:module";
     register(${JSON.stringify(hook)});
     ${code}
     for (const file of Object.keys(createRequire(import.meta.url).cache)) console.log(file);`,
    PACKAGE,
  );
  return OPTIONAL.filter((name) => stdout.includes(`/node_modules/${name}/`));
}

describe("what an import loads", () => {
  test.each(ENTRIES)("@aspen/storage%s loads no package that may be missing", async (subpath) => {
    expect(await loaded(`await import("@aspen/storage${subpath}");`)).toEqual([]);
  });

  test("a store in memory loads none of it when it works", async () => {
    const code = `const { MemoryStore } = await import("@aspen/storage/memory");
      const store = new MemoryStore();
      await store.kv.put("a", new Uint8Array(1));
      await store.blobs.put(new Uint8Array(1));`;
    expect(await loaded(code)).toEqual([]);
  });

  test("an embedded store loads its own, and the module loads the container, which is a file of the plugin API", async () => {
    const directory = await mkdtemp(join(tmpdir(), "aspen-loaded-"));
    const embedded = `const { openStore } = await import("@aspen/storage/open");
      await (await openStore({ driver: "embedded", directory: ${JSON.stringify(directory)} }))[Symbol.asyncDispose]();`;
    expect(await loaded(embedded)).toEqual(["fs-native-extensions", "lmdb"]);
    const module = await loaded('await import("reflect-metadata"); await import("@aspen/storage/module");');
    expect(module).toEqual(["reflect-metadata"]);
    await rm(directory, { recursive: true });
  });
});

describe("installed without a driver's packages", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "aspen-alone-"));
    const modules = join(folder, "node_modules");
    await mkdir(join(modules, "@aspen"), { recursive: true });
    await mkdir(join(modules, "@napi-rs"));
    for (const part of ["package.json", "dist", "lua"]) {
      await cp(join(PACKAGE, part), join(modules, "@aspen/storage", part), { recursive: true });
    }
    const installed = (name: string) => dirname(fileURLToPath(import.meta.resolve(`${name}/package.json`)));
    for (const name of ["@aspen/plugin-api", "@napi-rs/blake-hash", "sorted-btree"])
      await symlink(installed(name), join(modules, name));
    await writeFile(join(folder, "package.json"), "{}");
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("a store in memory works", async () => {
    const code = `import { MemoryStore } from "@aspen/storage/memory";
      const store = new MemoryStore();
      await store.kv.put("a:b", new Uint8Array(3));
      const hash = await store.blobs.put(new Uint8Array(5));
      console.log((await store.kv.get("a:b")).value.length, (await store.blobs.stat(hash)).size);`;
    expect(await run(code, folder)).toBe("3 5\n");
  });

  test.each([
    [{ driver: "embedded", directory: "./data" }, "npm install lmdb@3 fs-native-extensions@1"],
    [{ driver: "redis", url: "redis://127.0.0.1:1" }, "npm install ioredis@6"],
  ])("a store by %j says what to install, and leaves nothing behind", async (location, install) => {
    const before = await readdir(folder);
    const code = `import { openStore } from "@aspen/storage/open";
      const { code, message } = await openStore(${JSON.stringify(location)}).catch((error) => error);
      console.log(JSON.stringify({ code, message }));`;
    const { code: errorCode, message } = JSON.parse(await run(code, folder));
    expect(errorCode).toBe("PACKAGE_MISSING");
    expect(message).toContain(install);
    expect(await readdir(folder)).toEqual(before);
  });
});
