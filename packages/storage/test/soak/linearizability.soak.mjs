// 200 random histories on each driver instead of the few of `npm test`.
import { runJest } from "./run-jest.mjs";

runJest("linearizability", { ASPEN_HISTORIES: "200" });
