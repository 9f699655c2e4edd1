// A minute of reloads under load, one a second, instead of the few of `npm test`.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  ["--experimental-vm-modules", "../../node_modules/jest/bin/jest.js", "reload-under-load", "--testTimeout=1800000"],
  {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "inherit",
    env: { ...process.env, ASPEN_RELOADS: "60" },
  },
);
process.exitCode = status ?? 1;
