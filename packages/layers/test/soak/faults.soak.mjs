// 200 histories of faults on each driver instead of the few of `npm test`, and 2,000 on a store that fails at random.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  [
    "--experimental-vm-modules",
    "../../node_modules/jest/bin/jest.js",
    "faults",
    "faulty-store",
    "--testTimeout=3600000",
  ],
  {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "inherit",
    env: { ...process.env, ASPEN_HISTORIES: "200", ASPEN_RUNS: "2000" },
  },
);
process.exitCode = status ?? 1;
