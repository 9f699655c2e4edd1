// `npm run check:packed [-- NAME …]`: each package as somebody gets it who installs it alone. Packs all, and installs
// each from its tarball into an empty folder: with `engine-strict`; without what is only an optional peer; its types
// compile without the `dom` library, under both resolutions; its entries load; its README's examples run. With
// `@aspen/node` goes the feature of `examples/custom-node`. At last all together beside the lowest versions that our
// ranges allow (NAME `lowest-ranges`). Needs a build.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTools } from "./ensure-tools.mjs";
import { checkCommand } from "./lib/packed/command.mjs";
import { checkCustomNode } from "./lib/packed/custom-node.mjs";
import { checkEntries } from "./lib/packed/entries.mjs";
import { checkExamples } from "./lib/packed/examples.mjs";
import { checkLowestRanges } from "./lib/packed/lowest-ranges.mjs";
import { PackedProject } from "./lib/packed/project.mjs";
import { pack } from "./lib/packed/tarballs.mjs";
import { workspaces } from "./lib/workspaces.mjs";

/** A check of all packages together, which can be asked for beside their names. */
const LOWEST = "lowest-ranges";

const wanted = process.argv.slice(2);
const packages = workspaces(["packages"]).filter(({ manifest }) => !manifest.private);
const chosen = packages.filter(
  ({ manifest }) =>
    wanted.length === 0 || wanted.some((name) => manifest.name === name || manifest.name === `@aspen/${name}`),
);
const lowest = wanted.length === 0 || wanted.includes(LOWEST);
if (wanted.length > 0 && chosen.length + Number(lowest) < wanted.length) {
  console.error(`what can be checked: ${packages.map(({ manifest }) => manifest.name).join(", ")}, ${LOWEST}`);
  process.exit(2);
}

ensureTools(["redis-server"]);
const work = mkdtempSync(join(tmpdir(), "aspen-packed-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

let failed = 0;
/** Runs one check, which answers with what is wrong. */
async function check(name, problemsOf) {
  const started = performance.now();
  const problems = await problemsOf().catch((error) => [error.message]);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${problems.length === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  for (const problem of problems) console.log(problem.trimEnd().replace(/^/gm, "     "));
  if (problems.length > 0) failed += 1;
}

const tarballs = await pack(packages, join(work, "tarballs"));
const projectFor = (name) => new PackedProject(join(work, name), tarballs);

for (const { folder, manifest } of chosen) {
  const project = projectFor(manifest.name.replace("@aspen/", ""));
  await check(`${manifest.name} alone`, async () => {
    await project.install({ [manifest.name]: manifest.version });
    const needed = new Set(project.installed().flatMap(({ dependencies = {} }) => Object.keys(dependencies)));
    const found = new Set(project.installed().map(({ name }) => name));
    const optional = Object.keys(manifest.peerDependenciesMeta ?? {});
    // What a package that it depends on needs is there by right.
    const uninvited = optional.filter((name) => found.has(name) && !needed.has(name));
    return [
      ...project.tooNew(),
      ...uninvited.map((name) => `${name} is installed, though it is an optional peer`),
      ...(await checkEntries(project, manifest)),
      ...(manifest.bin ? await checkCommand(project, manifest) : []),
    ];
  });
  await check(`${manifest.name}, examples of its README`, () => checkExamples(project, folder, manifest));
}
if (chosen.some(({ manifest }) => manifest.name === "@aspen/node")) {
  await check("examples/custom-node, outside the repository", () => checkCustomNode(projectFor("custom-node")));
}
if (lowest) {
  await check("the lowest versions in range of what our types name", () => checkLowestRanges(projectFor("lowest")));
}
console.log(failed === 0 ? "every package stands alone" : `${failed} checks failed`);
process.exitCode = failed === 0 ? 0 : 1;
