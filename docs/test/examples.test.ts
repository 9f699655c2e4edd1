import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { transform } from "esbuild";
import ts from "typescript";
import { codeBlocks, EXAMPLE_REDIS_URL } from "../../scripts/lib/code-blocks.mjs";
import { ROOT } from "../../scripts/lib/workspaces.mjs";

type CodeBlock = ReturnType<typeof codeBlocks>[number];

/** Milliseconds an example may run. */
const LIMIT_MS = 30_000;

const blocks = codeBlocks();
/** Beside this package, so that the examples find what it depends on. */
let folder: string;
let redis: RedisServer;

beforeAll(async () => {
  folder = await mkdtemp(join(dirname(fileURLToPath(import.meta.url)), "examples-"));
  redis = await RedisServer.start();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test("there are examples in every package's README", () => {
  const files = new Set(blocks.map(({ where }) => where.split(":")[0]));
  for (const name of ["plugin-api", "storage", "rpc-core", "guest-sdk", "plugin-host", "wasm-plugin", "node"]) {
    expect(files).toContain(`packages/${name}/README.md`);
  }
});

test("every example is correct TypeScript, with the types that are published", async () => {
  const files = new Map<string, CodeBlock>();
  for (const [index, block] of blocks.entries()) {
    const file = join(folder, `${index}.ts`);
    // Each is a module of its own, also without imports.
    await writeFile(file, `${block.code}\nexport {};\n`);
    files.set(file, block);
  }
  const base = ts.parseConfigFileTextToJson("", ts.sys.readFile(join(ROOT, "tsconfig.base.json"))!).config;
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...base.compilerOptions, customConditions: [], types: ["node"], module: "NodeNext" },
    folder,
  );
  const program = ts.createProgram([...files.keys()], options);
  const problems = ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) =>
        `${file ? files.get(file.fileName)?.where : ""}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
  expect(problems).toEqual([]);
});

describe("a program", () => {
  const programs = blocks.filter(({ kind }) => kind === "program");
  test.each(programs.map((block): [string, CodeBlock] => [block.where, block]))("%s runs", async (where, block) => {
    const code = block.code.replaceAll(EXAMPLE_REDIS_URL, redis.url);
    const file = join(folder, `${where.replace(/\W/g, "-")}.mjs`);
    await writeFile(file, (await transform(code, { loader: "ts", target: "node20", format: "esm" })).code);
    // Ends with another status when the example throws, and with a signal when it does not end.
    await promisify(execFile)(process.execPath, [file], { cwd: folder, timeout: LIMIT_MS });
  });
});

describe("a plugin", () => {
  const plugins = blocks.filter(({ kind }) => kind === "plugin");
  test.each(plugins.map((block): [string, CodeBlock] => [block.where, block]))("%s compiles", async (where, block) => {
    const directory = join(folder, where.replace(/\W/g, "-"));
    await mkdir(join(directory, "src"), { recursive: true });
    const manifest = {
      name: "hello",
      version: "1.0.0",
      api_version: "1",
      handles: ["hello.*"],
      permissions: ["kv:read", "kv:write"],
    };
    await writeFile(join(directory, "plugin.json"), JSON.stringify(manifest));
    await writeFile(join(directory, "src/plugin.ts"), block.code);
    expect((await compilePlugin(directory)).wasm.length).toBeGreaterThan(0);
  });
});
