import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import module from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aspen } from "./support.js";

/** Not there before Node 22.8. */
const kept = typeof (module as { enableCompileCache?: unknown }).enableCompileCache === "function";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cache-test-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

test.each([
  ["XDG_CACHE_HOME", (folder: string) => ({ XDG_CACHE_HOME: folder })],
  ["HOME", (folder: string) => ({ XDG_CACHE_HOME: "", HOME: folder })],
])("compiled code is kept below %s, where Node can keep it", async (_name, env) => {
  expect((await aspen(["--version"], { env: env(directory) })).code).toBe(0);
  expect(await readdir(directory)).toEqual(kept ? [env(directory).XDG_CACHE_HOME ? "aspen" : ".cache"] : []);
});

test.each([
  ["a file", "file"],
  ["nowhere", "relative"],
])("the command runs when the folder is %s", async (_what, name) => {
  await writeFile(join(directory, "file"), "");
  const XDG_CACHE_HOME = name === "file" ? join(directory, name) : name;
  const { code, stderr } = await aspen(["--version"], { env: { XDG_CACHE_HOME, HOME: "" }, cwd: directory });
  expect([code, stderr]).toEqual([0, ""]);
  expect(await readdir(directory)).toEqual(["file"]);
});
