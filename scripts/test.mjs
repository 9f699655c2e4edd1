// `npm test`: installs what is missing, builds everything, runs every package's tests, adds up their totals.
// `npm test -- storage` runs the tests of @aspen/storage alone. `npm run coverage [-- storage]` does the same with a
// table of what the tests reach; it takes about half as much time again.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { ensureInstall } from "./ensure-install.mjs";
import { ensureTools } from "./ensure-tools.mjs";
import { COVERAGE_OPTIONS, printCoverage } from "./lib/coverage.mjs";
import { bin, run } from "./lib/run.mjs";
import { readJson, workspaces } from "./lib/workspaces.mjs";

/** Where each package's jest leaves its totals; the folder is turbo's own and ignored by git. */
const RESULT = join(".turbo", "jest-results.json");

/** Milliseconds for the build, and for the tests: something that a failed test left open must not hang for ever. */
const LIMIT_MS = 30 * 60 * 1000;

const { values, positionals } = parseArgs({ options: { coverage: { type: "boolean" } }, allowPositionals: true });
const wanted = positionals.map((name) => (name.startsWith("@") ? name : `@aspen/${name}`));
const packages = workspaces(["packages", "examples/plugins", "examples", "."]).filter(
  ({ manifest }) => manifest.scripts?.test && (wanted.length === 0 || wanted.includes(manifest.name)),
);
const unknown = wanted.filter((name) => !packages.some(({ manifest }) => manifest.name === name));
if (unknown.length > 0) {
  console.error(`no package with tests is named ${unknown.join(", ")}`);
  process.exit(2);
}

ensureInstall();
ensureTools();
for (const { folder } of packages) {
  // Turbo makes its folder only where it has run a task before.
  mkdirSync(dirname(join(folder, RESULT)), { recursive: true });
  rmSync(join(folder, RESULT), { force: true });
}

// Three packages at a time on two cores: a package's tests wait for about half of their time.
const filters = wanted.map((name) => `--filter=${name}`);
const turbo = (task, ...rest) =>
  run(bin("turbo"), ["run", task, "--concurrency=3", "--continue", ...filters, ...rest], { timeout: LIMIT_MS });
const jest = ["--passWithNoTests", "--json", `--outputFile=${RESULT}`, ...(values.coverage ? COVERAGE_OPTIONS : [])];
const built = await turbo("build");
const tested = built === 0 ? await turbo("test", "--only", "--", ...jest) : built;

let passed = 0;
let failed = 0;
for (const { folder, manifest } of packages) {
  const file = join(folder, RESULT);
  if (!existsSync(file)) {
    console.error(`${manifest.name}: its tests did not run`);
    failed += 1;
    continue;
  }
  const totals = readJson(file);
  // A test file that cannot even be loaded counts as one failure.
  const broken = totals.numFailedTests + totals.numRuntimeErrorTestSuites;
  const skipped = totals.numPendingTests + totals.numTodoTests;
  passed += totals.numPassedTests;
  failed += broken;
  console.log(
    `${manifest.name}: ${totals.numPassedTests} passed, ${broken} failed${skipped ? `, ${skipped} skipped` : ""}`,
  );
}
console.log(`${passed} passed, ${failed} failed`);
if (values.coverage) printCoverage(packages);
// All packages together have tests; one that is named may have none.
const nothing = passed === 0 && wanted.length === 0;
process.exitCode = built || tested || (failed > 0 || nothing ? 1 : 0);
