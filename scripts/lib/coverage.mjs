import { existsSync } from "node:fs";
import { join } from "node:path";
import { readJson } from "./workspaces.mjs";

/** Where each package's jest leaves its coverage; the folder is turbo's own and ignored by git. */
const FOLDER = join(".turbo", "coverage");

const MEASURES = ["statements", "branches", "functions", "lines"];

/**
 * What jest needs to measure which of a package's own sources its tests reach. Worker threads and child processes run
 * from `dist` and are not measured.
 */
export const COVERAGE_OPTIONS = [
  "--coverage",
  "--coverageProvider=v8",
  "--coverageReporters=json-summary",
  "--coverageReporters=html",
  `--coverageDirectory=${FOLDER}`,
  "--collectCoverageFrom=src/**/*.ts",
];

/** Prints the per cent of each package that its tests reach; pages that show each line lie in the package's folder. */
export function printCoverage(packages) {
  const table = {};
  for (const { folder, manifest } of packages) {
    const file = join(folder, FOLDER, "coverage-summary.json");
    if (!existsSync(file)) continue;
    const { total } = readJson(file);
    // A package without tests.
    if (total.lines.covered === 0) continue;
    table[manifest.name] = Object.fromEntries(MEASURES.map((measure) => [measure, total[measure].pct]));
  }
  console.table(table);
  console.log(`per cent; line by line in ${join("<package>", FOLDER, "index.html")}`);
}
