// 10,000 requests to three nodes, of which one is killed and one drained, instead of the few of `npm test`.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  ["--experimental-vm-modules", "../../node_modules/jest/bin/jest.js", "cluster-faults", "--testTimeout=1800000"],
  {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "inherit",
    env: { ...process.env, ASPEN_CLUSTER_REQUESTS: "10000" },
  },
);
process.exitCode = status ?? 1;
