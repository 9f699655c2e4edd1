/**
 * Entry of a throw-away process that checks and compiles one wasm file. It is started with V8's flags for the
 * optimizing compiler; what it finds goes to its standard output as one line of JSON.
 */
import { writeSync } from "node:fs";
import { setPriority } from "node:os";
import { setFlagsFromString } from "node:v8";
import { WasmProblem } from "@aspen/plugin-api/wasm";
import { checkModule } from "../module-check.js";
import type { ProbeReport } from "./messages.js";
import { LENGTH_BYTES, NICENESS, PROBLEM_MAX, RSS_LOOK_MS } from "./messages.js";

const memoryBytes = Number(process.argv[2]);
// A file that is tried out must not slow down plugins that serve.
setPriority(NICENESS);

const input: Buffer[] = [];
let received = 0;
let started = false;
process.stdin.on("data", (chunk: Buffer) => {
  input.push(chunk);
  received += chunk.length;
  if (started || received < LENGTH_BYTES) return;
  const expected = LENGTH_BYTES + Buffer.concat(input).readUInt32LE(0);
  if (received < expected) return;
  started = true;
  void probe(Buffer.concat(input).subarray(LENGTH_BYTES, expected));
});
// The pipe stays open as long as the node lives.
process.stdin.on("close", () => end());

async function probe(wasm: Uint8Array): Promise<void> {
  try {
    checkModule(wasm);
    setInterval(watchMemory, RSS_LOOK_MS);
    await WebAssembly.compile(wasm as BufferSource);
    // Every function once more with the other compiler. An empty custom section makes it another file to V8's cache.
    setFlagsFromString("--liftoff");
    setFlagsFromString("--no-wasm-tier-up");
    await WebAssembly.compile(Buffer.concat([wasm, Uint8Array.of(0, 1, 0)]));
    watchMemory();
  } catch (error) {
    if (!(error instanceof WasmProblem || error instanceof WebAssembly.CompileError)) throw error;
    end({ problem: error.message.slice(0, PROBLEM_MAX) });
  }
  end({ problem: null });
}

function watchMemory(): void {
  const used = process.memoryUsage.rss();
  if (used > memoryBytes) end({ problem: `compiling it takes more than ${memoryBytes} bytes of memory` });
}

/** Ends at once: an ordinary exit would wait for the compiler's threads. */
function end(report?: ProbeReport): void {
  if (report) writeSync(1, JSON.stringify(report));
  process.kill(process.pid, "SIGKILL");
}
