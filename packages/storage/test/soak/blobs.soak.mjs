// Blobs of 2 GiB and 40 kills instead of the few of `npm test`. Needs 3 GiB of memory for Redis and of disk.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  [
    "--experimental-vm-modules",
    "../../node_modules/jest/bin/jest.js",
    "blobs-memory",
    "blobs-kill",
    "--testTimeout=600000",
  ],
  {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "inherit",
    env: { ...process.env, ASPEN_BLOB_MEGABYTES: "2048", ASPEN_BLOB_KILLS: "40" },
  },
);
process.exitCode = status ?? 1;
