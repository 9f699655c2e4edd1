// A package imports only what it declares, and only from floors below its own. It never reaches into another's folder,
// and only its module.ts and feature.ts know inversify.
import { dirname, join, relative, resolve, sep } from "node:path";
import { importsOf, isRelative, packageOf } from "./lib/imports.mjs";
import { filesBelow, ROOT, workspaces } from "./lib/workspaces.mjs";

const FLOORS = {
  "@aspen/plugin-api": 0,
  "@aspen/storage": 1,
  "@aspen/rpc-core": 1,
  "@aspen/guest-sdk": 1,
  "@aspen/feature": 2,
  "@aspen/layers": 2,
  "@aspen/plugin-host": 3,
  "@aspen/jobs": 3,
  "@aspen/wasm-plugin": 4,
  "@aspen/ipc-plugin": 4,
  "@aspen/plugins-service-registry": 5,
  "@aspen/plugins-forge": 5,
  "@aspen/node": 6,
  "@aspen/cli": 7,
};
const CONTAINER = new Set(["inversify", "reflect-metadata"]);
/** Files that may know the container: a package's module and feature, the contract of features, what puts a node together. */
const COMPOSITION =
  /^packages\/([^/]+\/src\/((module|feature)|features\/[^/]+)|feature\/src\/[^/]+|node\/src\/(create-node|composition\/[^/]+))\.ts$/;

const problems = [];
const packages = workspaces(["packages"]);
for (const { path, folder, manifest } of packages) {
  const floor = FLOORS[manifest.name];
  if (floor === undefined) {
    problems.push(`${path}: ${manifest.name} has no floor; give it one in scripts/check-floors.mjs`);
    continue;
  }
  const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies };
  for (const name of Object.keys(dependencies)) checkFloor(`${path}/package.json`, manifest.name, floor, name);
  for (const file of [
    ...filesBelow(`${folder}/src`, /\.[cm]?tsx?$/),
    ...filesBelow(`${folder}/test`, /\.[cm]?[jt]sx?$/),
  ]) {
    checkFile(file, folder, manifest, floor);
  }
}

function checkFile(file, folder, manifest, floor) {
  const { name } = manifest;
  const shown = relative(ROOT, file).split(sep).join("/");
  for (const specifier of importsOf(file)) {
    if (isRelative(specifier)) {
      const target = resolve(dirname(file), specifier);
      const other = packages.find((it) => it.folder !== folder && target.startsWith(it.folder + sep));
      if (other) problems.push(`${shown}: reaches into ${other.path} by path; import ${other.manifest.name}`);
      continue;
    }
    const imported = packageOf(specifier);
    if (imported === null) continue;
    checkFloor(shown, name, floor, imported);
    // What is below src/guest is bundled into the wasm of the package's plugin, with all that it imports.
    const bundled = file.startsWith(join(folder, "src", "guest") + sep);
    if (file.startsWith(join(folder, "src") + sep) && !bundled) checkDeclared(shown, imported, manifest);
    if (CONTAINER.has(imported) && shown.includes("/src/") && !COMPOSITION.test(shown)) {
      problems.push(`${shown}: imports ${imported}; only src/module.ts and src/feature.ts may`);
    }
  }
}

function checkFloor(where, name, floor, imported) {
  if (!imported.startsWith("@aspen/") || imported === name) return;
  const other = FLOORS[imported];
  if (other === undefined) problems.push(`${where}: ${imported} is no package of this repository`);
  else if (other >= floor) {
    problems.push(`${where}: ${name} (floor ${floor}) may not import ${imported} (floor ${other}); only lower floors`);
  }
}

/** What is not declared is found here all the same, and then bundled into this package's own files. */
function checkDeclared(
  where,
  imported,
  { name, dependencies, peerDependencies, optionalDependencies, devDependencies },
) {
  const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies };
  // Tools of the build may be needed for nothing else; a package of ours never is.
  const known = imported.startsWith("@aspen/") ? declared : { ...declared, ...devDependencies };
  if (imported !== name && !(imported in known)) {
    problems.push(`${where}: imports ${imported}, which its package.json does not name as a dependency`);
  }
}

const unique = [...new Set(problems)];
for (const problem of unique) console.error(problem);
console.log(
  unique.length === 0
    ? `floors: ${packages.length} packages import only downwards`
    : `floors: ${unique.length} problems`,
);
process.exitCode = unique.length === 0 ? 0 : 1;
