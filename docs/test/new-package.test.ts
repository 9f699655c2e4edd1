import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ROOT } from "../../scripts/lib/workspaces.mjs";

/** Milliseconds for one command. */
const LIMIT_MS = 150_000;
/** What the script reads, and what a package is built and tested with. */
const NEEDED = [
  ".gitignore",
  "LICENSE",
  "biome.json",
  "jest.base.mjs",
  "package.json",
  "scripts",
  "tsconfig.base.json",
  "tsconfig.declarations.json",
  "packages/rpc-core/package.json",
];

/** A copy of the repository as far as it is needed, with our node_modules. */
let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "aspen-new-package-"));
  await mkdir(join(copy, "packages"));
  for (const path of NEEDED) await cp(join(ROOT, path), join(copy, path), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
});
afterAll(() => rm(copy, { recursive: true }));

const run = (command: string, args: string[], cwd = copy) =>
  promisify(execFile)(command, args, { cwd, timeout: LIMIT_MS, env: { ...process.env, NODE_OPTIONS: "" } });

test("a new package builds, type-checks, passes its test and keeps the house's rules", async () => {
  const { stdout } = await run(process.execPath, ["scripts/new-package.mjs", "thing-store", "3", "a store of things"]);
  expect(stdout).toMatch(/^packages\/thing-store is there, on floor 3/);
  const folder = join(copy, "packages", "thing-store");
  await run("npm", ["run", "build"], folder);
  await run("npm", ["run", "typecheck"], folder);
  const jest = ["--experimental-vm-modules", join(ROOT, "node_modules/jest/bin/jest.js"), "--json"];
  const tested = await run(process.execPath, jest, folder);
  expect(JSON.parse(tested.stdout)).toMatchObject({ numPassedTests: 1, numFailedTests: 0 });
  await run(join(ROOT, "node_modules/.bin/biome"), ["check", "packages", "scripts"]);
  await run(process.execPath, ["scripts/stamp-metadata.mjs"]);
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  expect(manifest).toMatchObject({ name: "@aspen/thing-store", repository: { directory: "packages/thing-store" } });
});

test.each([
  ["Thing", "lower-case letters"],
  ["thing/../../x", "lower-case letters"],
  ["rpc-core", "is there already"],
])("%s is refused", async (name, reason) => {
  await expect(run(process.execPath, ["scripts/new-package.mjs", name])).rejects.toMatchObject({
    stderr: expect.stringContaining(reason),
  });
});

test("a floor that the house does not have is refused, and nothing is written", async () => {
  const refused = run(process.execPath, ["scripts/new-package.mjs", "high-up", "8"]);
  await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("from 0 to 7") });
  await expect(readFile(join(copy, "packages", "high-up", "package.json"))).rejects.toThrow("ENOENT");
});
