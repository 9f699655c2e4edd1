// Runs `npm ci` when node_modules is missing or does not hold what package-lock.json asks for.
// Runs before any dependency is there: it uses Node alone.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LOCK = join(ROOT, "package-lock.json");
/** npm writes it last, so an install that was cut off has none. */
const INSTALLED = join(ROOT, "node_modules", ".package-lock.json");
const STAMP = join(ROOT, "node_modules", ".aspen-install");

/** Installs what is missing; exits with a message when that fails. */
export function ensureInstall() {
  requireNode(20, 19);
  if (isCurrent()) return;
  console.log(`installing dependencies with npm ci (${existsSync(INSTALLED) ? "they changed" : "first run"}) …`);
  const started = Date.now();
  const { status, error } = spawnSync("npm", ["ci", "--include=dev", "--no-audit", "--no-fund"], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (error || status !== 0) {
    console.error(`npm ci failed (${error ? error.message : `exit status ${status}`}); nothing else was run.`);
    console.error("Its output above says why. It needs the npm registry or a filled npm cache.");
    process.exit(1);
  }
  writeFileSync(STAMP, fingerprint());
  console.log(`dependencies installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function isCurrent() {
  if (!existsSync(INSTALLED)) return false;
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === fingerprint()) return true;
  if (!holdsWhatTheLockAsks()) return false;
  writeFileSync(STAMP, fingerprint());
  return true;
}

function fingerprint() {
  const hash = createHash("sha256");
  for (const file of [LOCK, INSTALLED]) hash.update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

/** For an install made without this script: the same versions, except optional ones for other platforms. */
function holdsWhatTheLockAsks() {
  const asked = JSON.parse(readFileSync(LOCK, "utf8")).packages;
  const installed = JSON.parse(readFileSync(INSTALLED, "utf8")).packages;
  return Object.entries(asked).every(([path, { version, optional, devOptional, link }]) => {
    if (path === "") return true;
    const found = installed[path];
    if (!found) return Boolean(optional || devOptional);
    return link ? found.link === true : found.version === version;
  });
}

function requireNode(major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split(".").map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  console.error(`Node ${major}.${minor} or later is needed; this is ${process.versions.node}. Install a newer one.`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureInstall();
