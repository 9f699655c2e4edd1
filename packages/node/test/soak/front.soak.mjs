// 10,000 malformed requests and 10,000 idle connections, instead of the 1,000 and 2,000 of `npm test`.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  ["--experimental-vm-modules", "../../node_modules/jest/bin/jest.js", "fuzz|slow-clients", "--testTimeout=1800000"],
  {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "inherit",
    env: { ...process.env, ASPEN_FUZZ_REQUESTS: "10000", ASPEN_IDLE_CONNECTIONS: "10000" },
  },
);
process.exitCode = status ?? 1;
