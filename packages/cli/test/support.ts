import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The committed bin file; it runs the built command, so `npm run build` comes first. */
export const BIN = fileURLToPath(new URL("../bin/aspen.js", import.meta.url));

export interface Ran {
  code: number | null;
  stdout: string;
  /** Of stdout, as they are. */
  bytes: Buffer;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  input?: string | Uint8Array;
}

function start(args: readonly string[], { env = {}, cwd }: RunOptions): ChildProcess {
  const { NODE_OPTIONS: _options, ...all } = process.env;
  const inherited = Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith("ASPEN_")));
  return spawn(process.execPath, [BIN, ...args], { env: { ...inherited, ...env }, ...(cwd ? { cwd } : {}) });
}

/** Runs the command to its end. */
export async function aspen(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = start(args, options);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout!.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr!.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin!.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  const bytes = Buffer.concat(stdout);
  return { code, bytes, stdout: bytes.toString("utf8"), stderr: Buffer.concat(stderr).toString("utf8") };
}

export interface RunningNode {
  url: string;
  line: string;
  pid: number;
  /** Ends the process and waits for it; the exit status, null for a signal's. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts `aspen node start` on a free port; resolves with its ready line. */
export async function startNode(args: readonly string[], options: RunOptions = {}): Promise<RunningNode> {
  const child = start(["node", "start", "--listen", "127.0.0.1:0", "--log-level", "warn", ...args], options);
  const closed = once(child, "close") as Promise<[number | null]>;
  let stderr = "";
  child.stderr!.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  let stdout = "";
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout!.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8");
      if (stdout.includes("\n")) resolve(stdout.trimEnd());
    });
    closed.then(() => reject(new Error(`the node ended before it was ready: ${stderr}`)), reject);
  });
  return {
    url: /https?:\/\/[^"\s]+/.exec(line)![0],
    line,
    pid: child.pid!,
    async stop(signal) {
      child.kill(signal);
      return (await closed)[0];
    },
  };
}
