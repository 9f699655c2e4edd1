// 3,000 random scans under writes instead of the few of `npm test`.
import { runJest } from "./run-jest.mjs";

runJest("paging", { ASPEN_RUNS: "3000" });
