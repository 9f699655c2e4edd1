// 100,000 random keys and prefixes instead of the few of `npm test`.
import { runJest } from "./run-jest.mjs";

runJest("namespaced", { ASPEN_RUNS: "100000" });
