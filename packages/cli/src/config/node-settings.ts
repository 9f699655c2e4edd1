import type { NodeConfig, ResolvedNodeConfig } from "@aspen/node";
import { AspenError } from "@aspen/plugin-api";
import type { Command } from "commander";
import { cliErrors } from "../errors.js";
import { type ConfigFile, readConfigFile } from "./config-file.js";
import { type Layer, Layers, type Source, sourceText } from "./layers.js";
import { OPTION_VALUES } from "./node-options.js";

/** Where the command keeps everything when nothing says otherwise. */
const DATA_DIR = ".aspen";

/** A node's configuration as the file, the environment and the flags give it together. */
export interface NodeSettings {
  config: NodeConfig;
  layers: Layers;
  file: ConfigFile | null;
}

/**
 * What the file, the environment and the flags of a command say, the latter above the former.
 *
 * @throws AspenError `CONFIG_INVALID` naming the file, which is not checked here for what it says
 */
export async function readSettings(command: Command): Promise<NodeSettings> {
  const file = await readConfigFile(command.opts<{ config?: string }>().config);
  const layers = new Layers([...(file ? [fileLayer(file)] : []), ...optionLayers(command)]);
  const merged = layers.merged() as NodeConfig;
  const named = merged.dataDir !== undefined || merged.redisUrl !== undefined;
  return { config: named ? merged : { dataDir: DATA_DIR, ...merged }, layers, file };
}

/** The configuration, checked, with its defaults. @throws AspenError `CONFIG_INVALID` naming each field and its source */
export async function resolveSettings({ config, layers }: NodeSettings): Promise<ResolvedNodeConfig> {
  // Only commands of a node need it.
  const { resolveConfig } = await import("@aspen/node");
  return tellingSources(layers, () => resolveConfig(config));
}

/** Does what checks a configuration; what it refuses is told with the file and line, variable or flag of each value. */
export async function tellingSources<T>(layers: Layers, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = AspenError.from(thrown);
    const problems = error.code === "CONFIG_INVALID" ? error.details?.problems : undefined;
    if (!Array.isArray(problems)) throw error;
    throw cliErrors.configInvalid(
      problems.map(({ field, rule }: { field: string; rule: string }) => {
        const found = layers.sourceAround(field.split("."));
        return { field, rule, ...(found ? { source: sourceText(found) } : {}) };
      }),
      error,
    );
  }
}

function fileLayer({ path, values, lineOf }: ConfigFile): Layer {
  return { source: { from: "file", path }, values, lineOf };
}

/** One for each option, as each has a name of its own; the environment's below the flags. */
function optionLayers(command: Command): Layer[] {
  const layers: Layer[] = [];
  for (const option of command.options) {
    const name = option.attributeName();
    const values = Object.hasOwn(OPTION_VALUES, name) ? OPTION_VALUES[name] : undefined;
    const from = command.getOptionValueSource(name);
    if (!values || (from !== "cli" && from !== "env")) continue;
    const source: Source =
      from === "env" ? { from: "environment", variable: option.envVar! } : { from: "flag", flag: option.long! };
    layers.push({ source, values: values(command.getOptionValue(name)) });
  }
  return layers.sort((one, other) => rank(one) - rank(other));
}

const rank = ({ source }: Layer) => (source.from === "flag" ? 1 : 0);
