// `npm run stamp`: writes where the project lives into every package. The root's package.json is the one place that says
// so: `repository`, `homepage` and `bugs`. With --check it writes nothing and fails when a package says something else.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryWeb, rootManifest } from "./lib/repository.mjs";
import { workspaces } from "./lib/workspaces.mjs";

const check = process.argv.includes("--check");
const { repository, bugs } = rootManifest();
const problems = [];

for (const { path, folder, manifest } of workspaces(["packages"])) {
  const stamped = {
    ...manifest,
    homepage: `${repositoryWeb(path)}#readme`,
    bugs,
    repository: { ...repository, directory: path },
  };
  if (!manifest.keywords?.length) problems.push(`${path}/package.json: has no keywords; name what people search for`);
  if (JSON.stringify(stamped) === JSON.stringify(manifest)) continue;
  if (check) problems.push(`${path}/package.json: says another homepage, bugs or repository; run \`npm run stamp\``);
  else writeFileSync(join(folder, "package.json"), `${JSON.stringify(stamped, null, 2)}\n`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
