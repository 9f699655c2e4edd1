import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "@aspen/storage";
import type { MaintenanceOptions, Progress } from "@aspen/storage/maintenance";
import type { StoreLocation } from "@aspen/storage/open";
import { type Command, Option } from "commander";
import { addCommand, type CommandSpec } from "../command.js";
import { readConfigFile } from "../config/config-file.js";
import { addConfigOption } from "../config/node-options.js";
import { cliErrors } from "../errors.js";
import { formatBytes } from "../format-bytes.js";
import { Output } from "../output.js";
import { ProgressDisplay } from "../progress-display.js";
import { onStopSignal } from "../signals.js";

interface StoreFlags {
  dataDir?: string;
  redis?: string;
  config?: string;
  json?: boolean;
}

/** What a command of maintenance works with. */
export interface MaintenanceWork {
  output: Output;
  progress: ProgressDisplay;
  /** Signal and progress, for the library. */
  options: Required<Pick<MaintenanceOptions, "signal" | "onProgress">>;
  /** The store that the options name. @throws AspenError `INVALID_PARAMS` for a directory without one, unless it is created */
  open(mode?: { create?: boolean }): Promise<Store>;
}

export interface StoreWork extends MaintenanceWork {
  store: Store;
}

/** A command that works on the store itself, without a node. */
export function addStoreCommand(parent: Command, spec: CommandSpec): Command {
  return addConfigOption(addCommand(parent, spec))
    .addOption(new Option("--data-dir <dir>", "embedded store of a node that is stopped").env("ASPEN_DATA_DIR"))
    .addOption(
      new Option("--redis <url>", "store in Redis; nodes may be using it").env("ASPEN_REDIS_URL").conflicts("dataDir"),
    );
}

/** Opens the store that the options name, works on it, and closes it. */
export function withStore<T>(
  command: Command,
  options: { quiet?: boolean },
  work: (work: StoreWork) => Promise<T>,
): Promise<T> {
  return withMaintenance(command, options, async (maintenance) => {
    await using store = await maintenance.open();
    return await work({ ...maintenance, store });
  });
}

/** Works with progress shown; the first SIGINT or SIGTERM ends the work with `CANCELLED`. */
export async function withMaintenance<T>(
  command: Command,
  { quiet = false }: { quiet?: boolean },
  work: (work: MaintenanceWork) => Promise<T>,
): Promise<T> {
  const flags = command.opts<StoreFlags>();
  const { json = false } = flags;
  const output = new Output(json);
  const controller = new AbortController();
  const forget = onStopSignal(() => controller.abort());
  const progress = new ProgressDisplay({ stream: process.stderr, silent: json || quiet });
  try {
    const result = await work({
      output,
      progress,
      options: {
        signal: controller.signal,
        onProgress: (at: Progress) => progress.show({ ...at, amount: amount(at) }),
      },
      open: ({ create = false } = {}) => openNamedStore(flags, create, output),
    });
    progress.end();
    return result;
  } finally {
    progress.end();
    forget();
  }
}

async function openNamedStore(flags: StoreFlags, create: boolean, output: Output): Promise<Store> {
  const location = await locationOf(flags);
  if (location.driver === "embedded" && !create && !(await isFolder(join(location.directory, "kv")))) {
    throw cliErrors.noStore(location.directory);
  }
  // Only these commands need a driver, and what it loads.
  const { openStore } = await import("@aspen/storage/open");
  return await openStore(location, { onWarning: (warning) => output.note(`warning: ${warning}`) });
}

/** The store that the options name; the one of the configuration file when they name none. */
async function locationOf({ dataDir, redis, config }: StoreFlags): Promise<StoreLocation> {
  if (dataDir !== undefined) return { driver: "embedded", directory: dataDir };
  if (redis !== undefined) return { driver: "redis", url: redis };
  const file = await readConfigFile(config);
  const named = Object.entries(file?.values ?? {}).filter(([field]) => field === "dataDir" || field === "redisUrl");
  const [field, value] = named[0] ?? [];
  if (!file || field === undefined) throw cliErrors.usage("name the store with --data-dir DIR or --redis URL");
  if (named.length > 1) throw cliErrors.configFile(file.path, null, "it names both dataDir and redisUrl; keep one");
  if (typeof value !== "string" || value === "") {
    throw cliErrors.configFile(file.path, file.lineOf([field]), `${field} must be text that is not empty`);
  }
  return field === "dataDir" ? { driver: "embedded", directory: value } : { driver: "redis", url: value };
}

function amount({ done, total, unit }: Progress): string {
  const text = (value: number) => (unit === "bytes" ? formatBytes(value) : String(value));
  const all = total === null ? text(done) : `${text(done)} of ${text(total)}`;
  return unit === "bytes" ? all : `${all} ${unit}`;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw cliErrors.file(path, error);
  }
}
