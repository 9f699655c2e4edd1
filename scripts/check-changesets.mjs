// Every file in .changeset says which packages change for their users, how much, and what changes: a file that the
// release cannot read would be found only then.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import parseChangeset from "@changesets/parse";
import { ROOT, workspaces } from "./lib/workspaces.mjs";

/** What a release of its own can mean; `none` is for what no user sees, which needs no file. */
const BUMPS = ["patch", "minor", "major"];

const parse = parseChangeset.default ?? parseChangeset;
const published = new Set(
  workspaces(["packages"])
    .filter(({ manifest }) => !manifest.private)
    .map(({ manifest }) => manifest.name),
);
const files = readdirSync(join(ROOT, ".changeset")).filter((name) => name.endsWith(".md") && name !== "README.md");
const problems = files.flatMap((name) => {
  const problem = (text) => `.changeset/${name}: ${text}`;
  let changeset;
  try {
    changeset = parse(readFileSync(join(ROOT, ".changeset", name), "utf8"));
  } catch (error) {
    return problem(`cannot be read: ${error.message}; \`npm run changeset\` writes one`);
  }
  const { releases, summary } = changeset;
  return [
    ...(releases.length === 0 ? [problem("names no package")] : []),
    ...(summary.trim() === "" ? [problem("does not say what changes for the user")] : []),
    ...releases
      .filter(({ name }) => !published.has(name))
      .map(({ name }) => problem(`${name} is no package that is published`)),
    ...releases
      .filter(({ type }) => !BUMPS.includes(type))
      .map(({ name, type }) => problem(`${name}: ${type} is none of ${BUMPS.join(", ")}`)),
  ];
});
for (const problem of problems) console.error(problem);
console.log(`changesets: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
