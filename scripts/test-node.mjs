// `npm run test:node -- 26`: the tests on another version of Node, whose binary npm has as a package.
// `npm run test:node -- 26 storage` runs those of @aspen/storage alone. Without a version: every one that is supported.
import { existsSync, mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { capture, run } from "./lib/run.mjs";
import { ROOT } from "./lib/workspaces.mjs";

const SUPPORTED = ["20", "22", "24", "26"];

/** Milliseconds for the download of a binary. */
const DOWNLOAD_MS = 10 * 60 * 1000;

const versions = process.argv.slice(2).filter((word) => /^\d+(\.\d+){0,2}$/.test(word));
const packages = process.argv.slice(2).filter((word) => !versions.includes(word));

/** The binary of a version, from the cache or the npm registry. */
async function binaryOf(version) {
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const folder = join(ROOT, "node_modules", ".cache", `node-${version}`);
  const binary = join(folder, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const args = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", folder, `${name}@${version}`];
    const { status, output } = await capture("npm", args, { timeout: DOWNLOAD_MS });
    if (status !== 0) throw new Error(`npm has no Node ${version} for this machine (${name}):\n${output}`);
  }
  return binary;
}

const failed = [];
for (const version of versions.length > 0 ? versions : SUPPORTED) {
  const binary = await binaryOf(version);
  const { output } = await capture(binary, ["--version"]);
  console.log(`tests on Node ${output.trim()}`);
  const env = { PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` };
  if ((await run(binary, ["scripts/test.mjs", ...packages], { env })) !== 0) failed.push(version);
}
console.log(failed.length === 0 ? "passed on every version" : `failed on Node ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
