import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Runs test files of this package again, with more work than `npm test` gives them. */
export function runJest(pattern, environment) {
  const { status } = spawnSync(
    process.execPath,
    ["--experimental-vm-modules", "../../node_modules/jest/bin/jest.js", pattern, "--testTimeout=600000"],
    {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      stdio: "inherit",
      env: { ...process.env, ...environment },
    },
  );
  process.exitCode = status ?? 1;
}
