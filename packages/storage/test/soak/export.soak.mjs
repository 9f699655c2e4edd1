// 1,000 random stores moved to Redis and back instead of the few of `npm test`.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  ["--experimental-vm-modules", "../../node_modules/jest/bin/jest.js", "export", "--testTimeout=600000"],
  {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "inherit",
    env: { ...process.env, ASPEN_RUNS: "1000" },
  },
);
process.exitCode = status ?? 1;
