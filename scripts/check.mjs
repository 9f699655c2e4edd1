// `npm run check`: what a reviewer would have to look at by hand. Needs a build.
import { bin, capture } from "./lib/run.mjs";
import { workspaces } from "./lib/workspaces.mjs";

const node =
  (script, ...args) =>
  () =>
    capture(process.execPath, [script, ...args]);
const checks = [
  ["floors", node("scripts/check-floors.mjs")],
  ["changesets", node("scripts/check-changesets.mjs")],
  ["where the project lives", node("scripts/stamp-metadata.mjs", "--check")],
  ["imports of published files", node("scripts/check-dist-imports.mjs")],
  ["errors of every package", node("scripts/check-errors.mjs")],
  ["API reports", node("scripts/api-report.mjs", "--check")],
  ["generated files", () => capture("npm", ["run", "--silent", "generate:check", "-w", "@aspen/plugin-api"])],
];
for (const { path, manifest } of workspaces(["packages"])) {
  checks.push([`publint ${manifest.name}`, () => capture(bin("publint"), [path, "--strict"])]);
  // A package with a command and no exports has no types to get wrong.
  if (manifest.exports?.["."]) {
    checks.push([
      `attw ${manifest.name}`,
      () => capture(bin("attw"), ["--pack", path, "--profile", "esm-only", "--no-emoji", "--no-color"]),
    ]);
  }
}
checks.push(["packages that stand alone", node("scripts/check-packed.mjs")]);

let failed = 0;
for (const [name, check] of checks) {
  const { status, output } = await check();
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${name}`);
  if (status === 0) continue;
  failed += 1;
  console.log(output.trimEnd().replace(/^/gm, "     "));
}
console.log(failed === 0 ? `all ${checks.length} checks passed` : `${failed} of ${checks.length} checks failed`);
process.exitCode = failed === 0 ? 0 : 1;
