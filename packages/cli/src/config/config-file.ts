import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { isAspenError } from "@aspen/plugin-api";
import { cliErrors } from "../errors.js";
import { loadModule, MODULE_MS } from "./load-module.js";
import type { ParsedConfig } from "./parse-config.js";

/** What is looked for in the working directory; of several, none is taken. */
const NAMES = ["aspen.config.json", "aspen.config.yaml", "aspen.config.mjs"];
/** Bytes of a file. */
const FILE_BYTES = 1024 * 1024;

/** A configuration file that was read, not yet checked for what it says. */
export interface ConfigFile {
  /** Absolute. */
  path: string;
  values: Readonly<Record<string, unknown>>;
  /** The line on which a field stands, from 1; null for a module's. */
  lineOf(path: readonly string[]): number | null;
}

/**
 * Reads the file that `--config` names, or the one of the working directory; null when there is none. No folder above is
 * looked at.
 *
 * @throws AspenError `CONFIG_INVALID` naming file and line: it cannot be read, is over 1 MiB, is none, or its module takes
 * more than 10 s
 */
export async function readConfigFile(named: string | undefined, directory = process.cwd()): Promise<ConfigFile | null> {
  const path = named === undefined ? await findConfigFile(directory) : resolve(directory, named);
  if (path === null) return null;
  const { value, lineOf } = await parse(path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw cliErrors.configFile(path, null, "it must hold, or export by default, an object of settings");
  }
  return { path, values: value as Record<string, unknown>, lineOf };
}

async function findConfigFile(directory: string): Promise<string | null> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    throw cliErrors.file(directory, error);
  }
  const found = NAMES.filter((name) => names.includes(name));
  if (found.length > 1) throw cliErrors.configFiles(directory, found);
  return found[0] === undefined ? null : join(directory, found[0]);
}

async function parse(path: string): Promise<ParsedConfig> {
  // Most commands read no file, and need no parser.
  const { ConfigSyntaxError, parseJsonConfig, parseYamlConfig } = await import("./parse-config.js");
  const extension = extname(path);
  try {
    if (extension === ".mjs") {
      const late = cliErrors.configLate(path, MODULE_MS);
      return { value: await loadModule(path, late), lineOf: () => null };
    }
    if (extension === ".json") return parseJsonConfig(await readText(path));
    if (extension === ".yaml" || extension === ".yml") return parseYamlConfig(await readText(path));
  } catch (error) {
    if (isAspenError(error)) throw error;
    const line = error instanceof ConfigSyntaxError ? error.line : null;
    throw cliErrors.configFile(path, line, error instanceof Error ? error.message : String(error), error);
  }
  throw cliErrors.configFile(path, null, "its name must end in .json, .yaml, .yml or .mjs");
}

async function readText(path: string): Promise<string> {
  // Opening a pipe would wait for its writer.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) throw new Error("it is no regular file");
  const bytes = Buffer.alloc(FILE_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    length += bytesRead;
    if (length > FILE_BYTES) throw new Error(`it is over ${FILE_BYTES} bytes`);
    if (bytesRead === 0) return bytes.toString("utf8", 0, length);
  }
}
