import { type Command, Option } from "commander";
import { cliErrors } from "./errors.js";

/** Options that may also stand before the noun or the verb; each command that knows them has them itself, too. */
const GLOBAL_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ["--json", "write one line of JSON instead of text"],
  ["--node <url>", "address of the node, for commands that talk to one"],
  ["--token <token>", "token to send, for commands that talk to a node"],
  ["--ca <file>", "authorities of the node's certificate, for commands that talk to a node"],
  ["--client-cert <file>", "certificate to show, for commands that talk to a node"],
  ["--client-key <file>", "its private key, for commands that talk to a node"],
  ["--timeout <seconds>", "longest wait for an answer, for commands that talk to a node"],
];

/** A command with verbs below it. */
export function addNoun(program: Command, name: string, description: string): Command {
  return acceptGlobals(program.command(name).description(description), false);
}

/** The options before the noun, and what hands them on to the command that is run. */
export function addGlobalOptions(program: Command): Command {
  return acceptGlobals(program, true).hook("preAction", (_program, command) => inherit(command));
}

function acceptGlobals(command: Command, shown: boolean): Command {
  for (const [flags, description] of GLOBAL_OPTIONS) {
    command.addOption(new Option(flags, description).hideHelp(!shown));
  }
  return command.enablePositionalOptions();
}

/** Gives a command what stands before its name, unless it has the same option itself. */
function inherit(command: Command): void {
  for (let parent = command.parent; parent; parent = parent.parent) {
    for (const { long, attribute } of parent.options.map((it) => ({ long: it.long!, attribute: it.attributeName() }))) {
      if (parent.getOptionValueSource(attribute) !== "cli") continue;
      const own = command.options.find((option) => option.long === long);
      if (!own) throw cliErrors.usage(`\`${command.parent?.name()} ${command.name()}\` has no option ${long}`);
      if (command.getOptionValueSource(attribute) === "cli") continue;
      const text: unknown = parent.getOptionValue(attribute);
      const value = typeof text === "string" && own.parseArg ? own.parseArg(text, undefined) : text;
      command.setOptionValueWithSource(attribute, value, "cli");
    }
  }
}
