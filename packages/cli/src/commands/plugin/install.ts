import { type PluginOverrides, parseOverrides } from "@aspen/plugin-api";
import { type RpcClient, toBase64 } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { cliErrors } from "../../errors.js";
import { parseJson } from "../../input.js";
import { grant } from "../../plugin-folder/grant.js";
import { loadPlugin } from "../../plugin-folder/load-plugin.js";
import { describePlugin } from "../../plugin-info.js";
import { addOverrideOptions, type OverrideFlags, overridesOf } from "./override-options.js";

interface InstallFlags extends OverrideFlags {
  yes?: boolean;
  update?: boolean;
  resetOverrides?: boolean;
  config?: string;
}

export function addPluginInstall(plugin: Command): void {
  const install = addClientCommand(plugin, {
    usage: "install <path>",
    description: "installs a plugin from its folder (built first when it has to be) or from a wasm file",
    example: "plugin install ./my-plugin --yes --priority 910 --memory-limit 32MiB",
  })
    .option("-y, --yes", "grant the permissions it asks for without asking")
    .option("--update", "replace the installed version")
    .option("--config <json>", "configuration that the plugin can read, as a JSON object")
    .option("--reset-overrides", "with --update: what was granted instead of plugin.json's before holds no longer");
  addOverrideOptions(install).action(async (path: string, flags: InstallFlags, command: Command) => {
    const { client, output } = session(command);
    if (flags.resetOverrides && !flags.update) throw cliErrors.usage("--reset-overrides belongs to --update");
    const config = flags.config === undefined ? undefined : parseConfig(flags.config);
    const { manifest, artifacts } = await loadPlugin(path, {
      onBuilt: ({ name, bytes, ms }) => output.note(`built ${name}: ${bytes} bytes in ${ms} ms`),
    });
    const kept = flags.update && !flags.resetOverrides ? await overridesKept(client, manifest.name) : {};
    const overrides = parseOverrides(manifest.name, { ...kept, ...overridesOf(flags) });
    await grant(manifest, overrides, flags.yes ?? false, output);
    const method = flags.update ? "plugin.update" : "plugin.install";
    const result = await client.call(method, {
      manifest,
      artifacts: artifacts.map(({ name, content }) => ({ name, content: toBase64(content) })),
      config,
      // All of them, also for an update: what was shown is what is granted.
      overrides,
    });
    for (const warning of result.warnings) output.note(`warning: ${warning}`);
    for (const { method: shadowed, by } of result.shadowed) {
      output.note(`warning: ${shadowed} is answered by ${by}, which comes first`);
    }
    for (const { method: taken, from } of result.takenOver) {
      output.note(`warning: ${taken} of ${from} is answered by ${result.name} from now on`);
    }
    output.result(result, `${flags.update ? "updated" : "installed"} ${describePlugin(result)}`);
  });
}

/** What an installed plugin was granted instead of what its plugin.json asks for. */
async function overridesKept(client: RpcClient, name: string): Promise<PluginOverrides> {
  return (await client.call("plugin.info", { name })).overrides;
}

function parseConfig(text: string): Record<string, unknown> {
  const config = parseJson("--config", text);
  if (typeof config === "object" && config !== null && !Array.isArray(config)) return config as Record<string, unknown>;
  throw cliErrors.notJson("--config", "it must be an object");
}
