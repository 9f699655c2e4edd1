// 10,000 jobs on each engine instead of the few of `npm test`.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  [
    "--experimental-vm-modules",
    "../../node_modules/jest/bin/jest.js",
    "chaos|bullmq.processes",
    "--testTimeout=3600000",
  ],
  {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "inherit",
    env: { ...process.env, ASPEN_CHAOS_JOBS: "10000" },
  },
);
process.exitCode = status ?? 1;
