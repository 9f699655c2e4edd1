// No published file imports a package that its package.json does not declare.
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { importsOf, packageOf } from "./lib/imports.mjs";
import { filesBelow, ROOT, workspaces } from "./lib/workspaces.mjs";

const problems = new Set();
let files = 0;
for (const { path, folder, manifest } of workspaces(["packages"])) {
  if (!existsSync(join(folder, "dist"))) {
    problems.add(`${path} is not built; run \`npm run build\` first`);
    continue;
  }
  const declared = new Set([
    manifest.name,
    ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }),
  ]);
  for (const file of ["dist", "bin"].flatMap((part) => filesBelow(join(folder, part), /\.([cm]?js|d\.[cm]?ts)$/))) {
    files += 1;
    for (const specifier of importsOf(file)) {
      const imported = packageOf(specifier);
      if (imported && !declared.has(imported)) {
        problems.add(`${relative(ROOT, file)}: imports ${imported}, which ${path}/package.json does not declare`);
      }
    }
  }
}
for (const problem of problems) console.error(problem);
console.log(`dist imports: ${files} files, ${problems.size} problems`);
process.exitCode = problems.size === 0 ? 0 : 1;
