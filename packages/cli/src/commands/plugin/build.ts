import type { Command } from "commander";
import { addCommand } from "../../command.js";
import { Output } from "../../output.js";
import { buildFolder } from "../../plugin-folder/build-folder.js";

export function addPluginBuild(plugin: Command): void {
  addCommand(plugin, {
    usage: "build [dir]",
    description: "compiles a plugin's TypeScript to dist/plugin.wasm and dist/plugin.json",
    example: "plugin build ./my-plugin",
  }).action(async (directory: string | undefined, { json }: { json?: boolean }) => {
    const built = await buildFolder(directory ?? ".");
    const output = new Output(json ?? false);
    for (const warning of built.warnings) output.note(`warning: ${warning}`);
    output.result(built, `built ${built.name} ${built.version}: ${built.bytes} bytes in ${built.ms} ms`);
  });
}
