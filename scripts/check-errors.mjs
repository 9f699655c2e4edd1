// Who imports a package that throws can tell its errors apart without another import: the entry that exports a
// package's error catalogue exports `AspenError` and `isAspenError` too, and every catalogue is exported. Needs a build.
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { filesBelow, ROOT, workspaces } from "./lib/workspaces.mjs";

const problems = [];
let catalogues = 0;
for (const { path, folder, manifest } of workspaces(["packages"])) {
  // A package with a command and no exports cannot be imported.
  if (!manifest.exports["."]) continue;
  const wanted = filesBelow(join(folder, "src"), /^errors\.ts$/).flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/^export const (\w+Errors)\b/gm)].map(([, name]) => ({ file, name })),
  );
  if (wanted.length === 0) continue;
  const entries = await Promise.all(
    Object.entries(manifest.exports)
      .filter(([, target]) => target["@aspen/source"])
      .map(async ([subpath, target]) => ({ subpath, names: await namesOf(join(folder, target.default)) })),
  );
  for (const { file, name } of wanted) {
    catalogues += 1;
    const exporting = entries.filter(({ names }) => names.includes(name));
    if (exporting.length === 0) problems.push(`${relative(ROOT, file)}: ${name} is exported by no entry of ${path}`);
    for (const { subpath, names } of exporting) {
      for (const needed of ["AspenError", "isAspenError"]) {
        if (!names.includes(needed)) problems.push(`${path}: "${subpath}" exports ${name}, but not ${needed}`);
      }
    }
  }
}

async function namesOf(file) {
  return Object.keys(await import(pathToFileURL(file).href));
}

for (const problem of problems) console.error(problem);
console.log(`errors: ${catalogues} catalogues, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
