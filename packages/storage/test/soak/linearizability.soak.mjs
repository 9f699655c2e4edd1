// 200 random histories on each driver instead of the few of `npm test`.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  ["--experimental-vm-modules", "../../node_modules/jest/bin/jest.js", "linearizability", "--testTimeout=600000"],
  {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "inherit",
    env: { ...process.env, ASPEN_HISTORIES: "200" },
  },
);
process.exitCode = status ?? 1;
