import { Argument, type Command } from "commander";
import { bashScript } from "../completion/bash.js";
import { commandTable } from "../completion/command-table.js";
import { fishScript } from "../completion/fish.js";
import { zshScript } from "../completion/zsh.js";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("writes a script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>", "the shell that is to read it").choices(Object.keys(SCRIPTS)))
    .addHelpText("after", '\nExample:\n  $ eval "$(aspen completion bash)"')
    .action((shell: keyof typeof SCRIPTS) => {
      process.stdout.write(SCRIPTS[shell](commandTable(program)));
    });
}
