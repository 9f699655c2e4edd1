import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { importsOf, isRelative, packageOf, staticImportsOf } from "../imports.mjs";
import { typeProblems } from "./types.mjs";

/** Milliseconds to load all entries. */
const LOAD_MS = 60_000;

/**
 * The entries of an installed package: their types compile and they can be imported. First without any optional peer,
 * those that need none; then the others, with the peers.
 */
export async function checkEntries(
  project,
  { name, exports: subpaths, peerDependencies = {}, peerDependenciesMeta = {} },
) {
  const optional = Object.keys(peerDependenciesMeta);
  const entries = Object.entries(subpaths)
    .filter(([, target]) => target.types)
    .map(([subpath, target]) => {
      const installed = (file) => join(project.folder, "node_modules", name, file);
      const imported = new Set([...packagesOf(installed(target.default)), ...packagesOf(installed(target.types))]);
      return {
        specifier: join(name, subpath),
        // What a process is started from does its work when it is imported.
        loads: target["@aspen/source"] !== undefined,
        peers: optional.filter((peer) => imported.has(peer)),
      };
    });
  const plain = entries.filter(({ peers }) => peers.length === 0);
  const others = entries.filter(({ peers }) => peers.length > 0);
  const problems = [];
  if (others.some(({ specifier }) => specifier === name)) problems.push(`${name} itself needs an optional peer`);
  problems.push(...(await check(project, "plain", plain)));
  if (others.length > 0) {
    const peers = new Set(others.flatMap((entry) => entry.peers));
    await project.install(Object.fromEntries([...peers].map((peer) => [peer, peerDependencies[peer]])));
    problems.push(...project.tooNew(), ...(await check(project, "with-peers", others)));
  }
  return problems;
}

async function check(project, label, entries) {
  if (entries.length === 0) return [];
  const types = join(project.folder, `${label}.ts`);
  const each = (write) => entries.map(write).join("\n");
  writeFileSync(
    types,
    each(({ specifier }, n) => `export * as entry${n} from "${specifier}";`),
  );
  const program = join(project.folder, `${label}.mjs`);
  writeFileSync(
    program,
    each(({ specifier, loads }) => (loads ? `await import("${specifier}");` : "")),
  );
  await project.run(program, LOAD_MS);
  return typeProblems(project, [types]);
}

/** The packages that a file needs to be loaded or compiled, itself or through others of its package. */
function packagesOf(file, seen = new Set()) {
  if (seen.has(file)) return [];
  seen.add(file);
  const declares = file.endsWith(".d.ts");
  return (declares ? importsOf(file) : staticImportsOf(file)).flatMap((specifier) => {
    if (!isRelative(specifier)) return packageOf(specifier) ?? [];
    const target = join(dirname(file), specifier);
    return packagesOf(declares ? target.replace(/\.js$/, ".d.ts") : target, seen);
  });
}
