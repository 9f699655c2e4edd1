import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { testHostAbi } from "@aspen/plugin-host/testing";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { WasmPluginRuntime } from "../src/index.js";
import { wat } from "./raw-plugin.js";
import { artifactOf } from "./support.js";

/** As the head of plugin.c says. */
const CLANG = "--target=wasm32 -O2 -nostdlib -ffreestanding -mno-simd128 -Wl,--no-entry".split(" ");

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-languages-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function compiledC(source: string): Promise<Uint8Array> {
  const wasm = join(directory, "plugin.wasm");
  await promisify(execFile)("clang", [...CLANG, "-Wall", "-Wextra", "-Werror", "-o", wasm, source], {
    timeout: 60_000,
  });
  return readFile(wasm);
}

const languages: Record<string, (folder: string) => Promise<Uint8Array>> = {
  "WebAssembly text": async (folder) => wat(await readFile(join(folder, "plugin.wat"), "utf8")),
  C: (folder) => compiledC(join(folder, "plugin.c")),
};

for (const [name, wasmOf] of Object.entries(languages)) {
  testHostAbi(
    { describe, test },
    {
      name,
      runtime: () => new WasmPluginRuntime(),
      artifact: async ({ folder, manifest }) => artifactOf(manifest, await wasmOf(folder)),
      stopsCode: false,
      boundsMemory: true,
    },
  );
}
