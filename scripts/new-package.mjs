// `npm run new-package NAME [FLOOR] ["what it is"]`: packages/NAME in the shape of the house, on its floor, with a test
// that passes. Says what is left to do. FLOOR is a number of README.md, "The house"; 3 is above the stores, the dispatcher
// and the contract of features, and below the node. A NAME that begins with `plugins-` brings an official plugin; its floor
// is 5.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesOfPackage } from "./lib/new-package-files.mjs";
import { isOfficialPackage } from "./lib/official-package-files.mjs";
import { bin, capture } from "./lib/run.mjs";
import { ROOT } from "./lib/workspaces.mjs";

const FLOORS = join(ROOT, "scripts", "check-floors.mjs");
const [name, floorText, description = `what @aspen/${name} is`] = process.argv.slice(2);

function fail(message) {
  console.error(message);
  console.error('npm run new-package NAME [FLOOR] ["what it is"]');
  process.exit(2);
}

if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name ?? "")) {
  fail("NAME is what stands behind @aspen/: lower-case letters, digits, and hyphens between them");
}
const official = isOfficialPackage(name);
const floor = Number(floorText ?? (official ? 5 : 3));
if (!Number.isInteger(floor) || floor < 0 || floor > 7) fail("FLOOR is a whole number from 0 to 7");
const folder = join(ROOT, "packages", name);
if (existsSync(folder)) fail(`packages/${name} is there already`);

const floors = readFileSync(FLOORS, "utf8");
const table = /(const FLOORS = \{\n)([\s\S]*?)(\n\};)/.exec(floors);
if (!table) fail("scripts/check-floors.mjs has no table FLOORS any more; mend this script");
const rows = [...table[2].split("\n"), `  "@aspen/${name}": ${floor},`];
// Stable: the new package comes after those of its floor.
rows.sort((a, b) => floorOf(a) - floorOf(b));
writeFileSync(
  FLOORS,
  floors.replace(table[0], () => `${table[1]}${rows.join("\n")}${table[3]}`),
);

for (const [path, text] of Object.entries(filesOfPackage({ name, description }))) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
copyFileSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
const { status, output } = await capture(bin("biome"), ["check", "--write", folder]);
if (status !== 0) throw new Error(`packages/${name} is there, but biome refuses it:\n${output}`);

function floorOf(row) {
  return Number(/: (\d+),$/.exec(row)[1]);
}

const OFFICIAL_STEPS = `  8. plugin.json, src/guest/, src/reserved-prefixes.ts  the plugin; a change of it needs a higher version
  9. packages/node                                  a row in src/composition/known-features.ts, and the dependency
`;
console.log(`packages/${name} is there, on floor ${floor}. What is next:
  1. npm install                                    links it into node_modules and package-lock.json
  2. npm run stamp                                  says where the project lives
  3. src/, README.md, keywords in package.json      what it does, with an example that runs
  4. README.md of the repository                    a line in "The house" and in "Packages"
  5. npx turbo run build test --filter=@aspen/${name}
  6. npm run api                                    its API report in etc/
  7. npm run changeset                              what it gives to its users
${official ? OFFICIAL_STEPS : ""}  CONTRIBUTING.md says how to add a feature, a handler, a command …`);
