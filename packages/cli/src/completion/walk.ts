import type { CompletedCommand } from "./command-table.js";

/** `kv get` below `kv`: as the shells' scripts tell where a word leads. */
export function steps(table: readonly CompletedCommand[]): { from: string; word: string; to: string }[] {
  return table.flatMap(({ path, commands }) =>
    commands.map(({ name }) => ({ from: path, word: name, to: path === "" ? name : `${path} ${name}` })),
  );
}

/** The flags of a command that are followed by a file, and those that are by one of some words. */
export function valuesOf({ options }: CompletedCommand): {
  files: string[];
  choices: { flags: string[]; words: readonly string[] }[];
} {
  const files = options.flatMap(({ flags, value }) => (value.kind === "file" ? [...flags] : []));
  const choices = options.flatMap(({ flags, value }) =>
    value.kind === "choice" ? [{ flags: [...flags], words: value.choices }] : [],
  );
  return { files, choices };
}

/** Text for shells, in single quotes. */
export function quotedForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
