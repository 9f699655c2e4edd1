import type { Argument, Command, Option } from "commander";

/** What may stand for an argument, or for the value of an option. */
export type Expected =
  | { kind: "nothing" }
  | { kind: "file" }
  | { kind: "text" }
  | { kind: "choice"; choices: readonly string[] };

export interface CompletedOption {
  /** `-f`, `--follow` */
  flags: readonly string[];
  description: string;
  /** `nothing` for a switch. */
  value: Expected;
}

/** What can follow one command. */
export interface CompletedCommand {
  /** Names behind `aspen`, separated by blanks; empty for `aspen` itself. */
  path: string;
  commands: readonly { name: string; description: string }[];
  options: readonly CompletedOption[];
  /** Flags that are followed by a value, those that its help does not show included. */
  valued: readonly string[];
  argument: Expected;
}

/** Names of arguments and values that are files or folders. */
const FILE = /^(?:file|dir|path)$/;

/** Every command of a program, with what can follow it. */
export function commandTable(program: Command): CompletedCommand[] {
  return [...commands(program, [])];
}

function* commands(command: Command, path: readonly string[]): Generator<CompletedCommand> {
  const help = command.createHelp();
  const visible = help.visibleCommands(command);
  yield {
    path: path.join(" "),
    commands: visible.map((it) => ({ name: it.name(), description: it.description() })),
    options: help.visibleOptions(command).map(completed),
    valued: command.options.filter(takesValue).flatMap(flagsOf),
    argument: expected(command.registeredArguments[0]),
  };
  // The command `help` takes what the program itself takes, and no more is said of it.
  for (const inner of visible) if (command.commands.includes(inner)) yield* commands(inner, [...path, inner.name()]);
}

function completed(option: Option): CompletedOption {
  const name = /[<[]([\w-]+)/.exec(option.flags)?.[1] ?? "";
  const value: Expected = takesValue(option) ? named(name, option.argChoices) : { kind: "nothing" };
  return { flags: flagsOf(option), description: option.description, value };
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag): flag is string => typeof flag === "string");
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function expected(argument: Argument | undefined): Expected {
  return argument ? named(argument.name(), argument.argChoices) : { kind: "nothing" };
}

function named(name: string, choices: readonly string[] | undefined): Expected {
  if (choices) return { kind: "choice", choices };
  return { kind: FILE.test(name) ? "file" : "text" };
}
