import type { Command } from "commander";
import { addCommand } from "../../command.js";
import { addNodeOptions } from "../../config/node-options.js";
import { readSettings, resolveSettings } from "../../config/node-settings.js";
import { type Setting, settingsOf } from "../../config/settings.js";
import { Output, table } from "../../output.js";

export function addConfigPrint(config: Command): void {
  addNodeOptions(
    addCommand(config, {
      usage: "print",
      description: "shows each setting of a node and where it comes from; passwords, tokens and keys are masked",
      example: "config print --config /etc/aspen.config.yaml --json",
    }),
  ).action(async ({ json }: { json?: boolean }, command: Command) => {
    const settings = await readSettings(command);
    const shown = settingsOf(await resolveSettings(settings), settings.layers);
    const rows = shown.map(({ field, value, source, at }) => [field, text(value), at ?? source]);
    new Output(json ?? false).result(
      { file: settings.file?.path ?? null, settings: shown },
      table(["FIELD", "VALUE", "FROM"], rows),
    );
  });
}

function text(value: Setting["value"]): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
