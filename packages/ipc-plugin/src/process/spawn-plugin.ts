import { type ChildProcessByStdio, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { COOKIE, PROTOCOL_VERSION } from "../rpc/handshake.js";
import { MARK } from "./marked-processes.js";

export interface SpawnInput {
  readonly folder: string;
  readonly program: string;
  readonly args: readonly string[];
  /** PEM */
  readonly certificate: string;
  readonly environment: readonly string[];
}

/** A module of a plugin, which the SDK's own program serves. */
const MODULE = /\.m?js$/;

/**
 * Starts a plugin's program in a process group of its own. It ends with this process: the kernel kills it where there is
 * `setpriv`, and its standard input ends in any case, which the SDK watches.
 */
export function spawnPlugin(input: SpawnInput): ChildProcessByStdio<Writable, Readable, Readable> {
  const { program, args, folder } = input;
  const command = MODULE.test(program)
    ? [process.execPath, createRequire(import.meta.url).resolve("@aspen/ipc-plugin/sdk-main"), program, ...args]
    : [program, ...args];
  const setpriv = programNamed("setpriv");
  const [file, ...rest] = setpriv === null ? command : [setpriv, "--pdeathsig", "KILL", "--", ...command];
  return spawn(file!, rest, {
    cwd: join(folder, "plugin"),
    env: environmentOf(input),
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

function environmentOf({ folder, certificate, environment }: SpawnInput): NodeJS.ProcessEnv {
  const passed = ["PATH", ...environment].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(passed),
    HOME: folder,
    TMPDIR: folder,
    LANG: "C.UTF-8",
    [MARK]: folder,
    [COOKIE.name]: COOKIE.value,
    PLUGIN_PROTOCOL_VERSIONS: PROTOCOL_VERSION,
    PLUGIN_CLIENT_CERT: certificate,
    PLUGIN_UNIX_SOCKET_DIR: folder,
  };
}

function programNamed(name: string): string | null {
  if (process.platform !== "linux") return null;
  const paths = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
