// `turbo` with the arguments given, telemetry off.
import { bin, run } from "./lib/run.mjs";

process.exitCode = await run(bin("turbo"), process.argv.slice(2));
