// 200 kills instead of the few of `npm test`.
import { runJest } from "./run-jest.mjs";

runJest("kill", { ASPEN_KILLS: "200" });
