import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { LENGTH_BYTES, PROBLEM_MAX, type ProbeReport } from "./messages.js";

/** The built probe, also when this file runs from source: a process cannot load TypeScript. */
const probeFile = createRequire(import.meta.url).resolve("@aspen/wasm-plugin/probe");

/** Compile every function at once, with the optimizing compiler. */
const V8_FLAGS = ["--no-liftoff", "--no-wasm-lazy-compilation", "--disable-warning=ExperimentalWarning"];
/** Milliseconds on the clock for each one of processor time: a busy machine is not the plugin's fault. */
const CLOCK_FACTOR = 4;
/** Most bytes that a process reserves without using them before it compiles anything (Node 26: 0.6 GiB). */
const RESERVED_BYTES = 1024 ** 3;
/** Characters that are kept of what the process says. */
const OUTPUT_MAX = 8192;
/** Exit codes from here on stand for a signal (POSIX shells) or an exception (Windows). */
const CRASH = 128;

/**
 * Limits that the kernel keeps: processor time (a signal that says so, then one that ends it), data, no core dump. Where
 * one cannot be set the limits that the probe and its parent watch themselves remain.
 */
const LIMITED = `
  { ulimit -c 0; ulimit -S -t "$1"; ulimit -H -t "$(($1 + 5))"; ulimit -d "$2"; } 2>/dev/null
  shift 2
  exec "$@"`;
const SHELL = "/bin/sh";

export interface ProbeLimits {
  /** Resident bytes of the process. */
  memoryBytes: number;
  /** Milliseconds of processor time. */
  cpuMs: number;
}

/** A probe could not be made, which says nothing about the file. */
export class ProbeUnavailable extends Error {}

/**
 * Checks and compiles a wasm file in a process of its own, which ends with it, and with this process.
 *
 * @returns what is wrong with the file, or null
 * @throws ProbeUnavailable when there is no verdict; the reason of `signal` when it aborts
 */
export function probe(wasm: Uint8Array, limits: ProbeLimits, signal: AbortSignal): Promise<string | null> {
  const child = start(limits);
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    let late = false;
    const kill = () => child.kill("SIGKILL");
    const clock = setTimeout(() => {
      late = true;
      kill();
    }, limits.cpuMs * CLOCK_FACTOR);
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    const done = (settle: () => void) => {
      clearTimeout(clock);
      signal.removeEventListener("abort", kill);
      settle();
    };
    child.on("error", (error) => done(() => reject(new ProbeUnavailable(error.message, { cause: error }))));
    child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      stdout = (stdout + chunk).slice(0, OUTPUT_MAX);
    });
    child.stderr!.setEncoding("utf8").on("data", (chunk: string) => {
      stderr = (stderr + chunk).slice(0, OUTPUT_MAX);
    });
    // A probe that ends before it has read everything; how it ended says more.
    child.stdin!.on("error", () => undefined);
    child.on("close", (code, killedBy) =>
      done(() => {
        if (signal.aborted) return reject(signal.reason);
        const report = readReport(stdout);
        if (report) return resolve(report.problem);
        if (late || killedBy === "SIGXCPU") return resolve(`compiling it takes longer than ${limits.cpuMs} ms`);
        const end = `${killedBy ?? `exit code ${code}`}${lastWords(stderr)}`;
        // The probe ended by itself, so no compiler crashed: the probe failed.
        if (code !== null && code < CRASH) return reject(new ProbeUnavailable(`the test process failed: ${end}`));
        resolve(`compiling it ended the test process with ${end}`);
      }),
    );
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(wasm.length);
    child.stdin!.write(length);
    child.stdin!.write(wasm);
  });
}

function start({ memoryBytes, cpuMs }: ProbeLimits): ChildProcess {
  const command = [process.execPath, ...V8_FLAGS, probeFile, String(memoryBytes)];
  const kilobytes = String(Math.ceil((memoryBytes + RESERVED_BYTES) / 1024));
  const limited = ["-c", LIMITED, "sh", String(Math.ceil(cpuMs / 1000)), kilobytes, ...command];
  const [file, args] = existsSync(SHELL) ? [SHELL, limited] : [command[0]!, command.slice(1)];
  return spawn(file, args, { env: environment(), stdio: ["pipe", "pipe", "pipe"], windowsHide: true });
}

/** Node needs these to find its own libraries. Nothing else of the environment is the probe's business. */
function environment(): NodeJS.ProcessEnv {
  const names = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** Null when there is none: the process died, or what it compiled took it over. */
function readReport(line: string): ProbeReport | null {
  let report: Partial<ProbeReport> | null;
  try {
    report = JSON.parse(line);
  } catch {
    return null;
  }
  const problem = report?.problem;
  if (typeof problem === "string") return { problem: problem.slice(0, PROBLEM_MAX) };
  return problem === null ? { problem } : null;
}

/** What V8 or Node says when it gives up, in brackets. */
function lastWords(stderr: string): string {
  const line = stderr.split("\n").find((text) => /\w/.test(text) && !/^#?\s*Fatal error in\b/.test(text));
  return line === undefined ? "" : ` (${line.replace(/^[#\s]+/, "").slice(0, PROBLEM_MAX)})`;
}
