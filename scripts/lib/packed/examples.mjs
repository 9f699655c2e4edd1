import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeBlocksOf, EXAMPLE_REDIS_URL } from "../code-blocks.mjs";
import { importsOf, packageOf } from "../imports.mjs";
import { typeProblems, withoutTypes } from "./types.mjs";

/** Milliseconds an example may run. */
const LIMIT_MS = 120_000;

/** What examples use beyond what our types ask for: `await using`, and `WebAssembly`, which only `dom` declares. */
const LIB = ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts"];

/** The examples of a package's README type-check and run with what its `npm install` lines install, and nothing else. */
export async function checkExamples(project, folder, manifest) {
  const readme = join(folder, "README.md");
  const named = installedBy(readFileSync(readme, "utf8"));
  if (!(manifest.name in named)) return [`README.md: no \`npm install\` line names ${manifest.name}`];
  await project.install({ ...named, ...(manifest.peerDependencies && pick(manifest.peerDependencies, named)) });

  const files = new Map();
  const problems = [];
  for (const [index, block] of codeBlocksOf(readme).entries()) {
    const file = join(project.folder, `example-${index}.ts`);
    writeFileSync(file, `${block.code}\nexport {};\n`);
    files.set(file, block);
    const unnamed = importsOf(file)
      .map(packageOf)
      .filter((name) => name !== null && !(name in named));
    for (const name of new Set(unnamed))
      problems.push(`${block.where}: imports ${name}, which no \`npm install\` line names`);
  }
  const typed = typeProblems(project, [...files.keys()], LIB);
  problems.push(
    ...typed.map((problem) => problem.replace(/example-(\d+)\.ts/, (_, index) => [...files.values()][index].where)),
  );
  if (problems.length > 0) return problems;
  const redis = await redisFor(files);
  try {
    for (const [file, { where, kind, code }] of files) {
      if (kind === "plugin") continue;
      const program = file.replace(/\.ts$/, ".mjs");
      writeFileSync(program, withoutTypes(redis ? code.replaceAll(EXAMPLE_REDIS_URL, redis.url) : code));
      await project.run(program, LIMIT_MS).catch((error) => problems.push(`${where}: ${error.message}`));
    }
  } finally {
    await redis?.[Symbol.asyncDispose]();
  }
  return problems;
}

/** `name` to version range of every package that an `npm install` line of the README names. */
function installedBy(text) {
  const shells = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join("");
  const words = [...shells.matchAll(/^npm install ([^#\n]*)/gm)].flatMap(([, line]) => line.trim().split(/\s+/));
  return Object.fromEntries(
    words
      .filter((word) => !word.startsWith("-"))
      .map((word) => /^(@?[^@]+)(?:@(.+))?$/.exec(word))
      .map(([, name, range]) => [name, range ?? "*"]),
  );
}

const pick = (from, keys) => Object.fromEntries(Object.entries(from).filter(([name]) => name in keys));

/** A server of their own for the examples that name one, or null. */
async function redisFor(files) {
  if (![...files.values()].some(({ code }) => code.includes(EXAMPLE_REDIS_URL))) return null;
  const { RedisServer } = await import("@aspen/storage/testing");
  return await RedisServer.start();
}
