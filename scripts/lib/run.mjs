import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./workspaces.mjs";

/** Turbo reports its use to nobody from here. */
const QUIET = { TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };

/** Runs a command with its output on ours; resolves to its exit status (128 for one ended by a signal). */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      ...options,
      env: { ...process.env, ...QUIET, ...options.env },
    });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 128));
  });
}

/** Runs a command and keeps its output: `{status, output}`. */
export function capture(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      ...options,
      env: { ...process.env, ...QUIET, ...options.env },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ status: code ?? 128, output }));
  });
}

/** The path of a command that a dependency installs. */
export const bin = (name) => join(ROOT, "node_modules", ".bin", name);
