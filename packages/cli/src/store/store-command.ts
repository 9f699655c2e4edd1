import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { MaintenanceOptions, Progress, Store } from "@aspen/storage";
import { type Command, Option } from "commander";
import { addCommand, type CommandSpec } from "../command.js";
import { cliErrors } from "../errors.js";
import { Output } from "../output.js";
import { ProgressDisplay } from "./progress-display.js";

interface StoreFlags {
  dataDir?: string;
  redis?: string;
  json?: boolean;
}

/** What a store command works with. */
export interface StoreWork {
  store: Store;
  output: Output;
  progress: ProgressDisplay;
  /** Signal and progress, for the library. */
  options: Required<Pick<MaintenanceOptions, "signal" | "onProgress">>;
}

/** A command that works on the store itself, without a node. */
export function addStoreCommand(parent: Command, spec: CommandSpec): Command {
  return addCommand(parent, spec)
    .addOption(new Option("--data-dir <dir>", "embedded store of a node that is stopped"))
    .addOption(
      new Option("--redis <url>", "store in Redis; nodes may be using it").env("ASPEN_REDIS_URL").conflicts("dataDir"),
    );
}

/**
 * Opens the store that the options name, works on it, and closes it. SIGINT and SIGTERM end the work; a second one
 * ends the process.
 * @throws AspenError `INVALID_PARAMS` for a directory without a store, unless it is `create`d; `CANCELLED`
 */
export async function withStore<T>(
  command: Command,
  { create = false, quiet = false }: { create?: boolean; quiet?: boolean },
  work: (work: StoreWork) => Promise<T>,
): Promise<T> {
  const { dataDir, redis, json = false } = command.opts<StoreFlags>();
  const output = new Output(json);
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(1);
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const progress = new ProgressDisplay({ stream: process.stderr, silent: json || quiet });
  try {
    await using store = await openStore({ dataDir, redis }, create, output);
    const onProgress = (at: Progress) => progress.show(at);
    const result = await work({ store, output, progress, options: { signal: controller.signal, onProgress } });
    progress.end();
    return result;
  } finally {
    progress.end();
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

async function openStore(
  { dataDir, redis }: { dataDir: string | undefined; redis: string | undefined },
  create: boolean,
  output: Output,
): Promise<Store> {
  // The drivers load native code, which only these commands need.
  const { EmbeddedStore, RedisStore } = await import("@aspen/storage");
  if (redis !== undefined) {
    const store = await RedisStore.open({ url: redis });
    for (const warning of store.warnings) output.note(`warning: ${warning}`);
    return store;
  }
  if (dataDir === undefined) throw cliErrors.usage("name the store with --data-dir DIR or --redis URL");
  if (!create && !(await isFolder(join(dataDir, "kv")))) throw cliErrors.noStore(dataDir);
  return EmbeddedStore.open({ directory: dataDir });
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw cliErrors.file(path, error);
  }
}
