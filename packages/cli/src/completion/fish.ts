import type { CompletedCommand } from "./command-table.js";
import { steps } from "./walk.js";

/** A script for fish 3 and later. */
export function fishScript(table: readonly CompletedCommand[]): string {
  return `# Completion of aspen for fish: aspen completion fish | source
function __aspen_at
  set -l at ''
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
      continue
    end
    switch "$at:$word"
${table
  .flatMap((command) =>
    command.valued.map((flag) => `      case ${quote(`${command.path}:${flag}`)}\n        set skip 1`),
  )
  .join("\n")}
${steps(table)
  .map(({ from, word, to }) => `      case ${quote(`${from}:${word}`)}\n        set at ${quote(to)}`)
  .join("\n")}
    end
  end
  test "$at" = "$argv[1]"
end
complete -c aspen -f
${table.flatMap(lines).join("\n")}
`;
}

function lines({ path, commands, options, valued, argument }: CompletedCommand): string[] {
  const here = `complete -c aspen -n ${quote(`__aspen_at ${quote(path)}`)}`;
  const words = argument.kind === "choice" ? [`${here} -a ${quote(argument.choices.join(" "))}`] : [];
  const shown = options.flatMap(({ flags }) => flags);
  const hidden = valued.filter((flag) => !shown.includes(flag));
  return [
    // Their values are no commands.
    ...hidden.map((flag) => `${here} ${named(flag)} -x`),
    ...commands.map(({ name, description }) => `${here} -a ${quote(name)} -d ${quote(description)}`),
    ...(argument.kind === "file" ? [`${here} -F`] : words),
    ...options.map(({ flags, description, value }) => {
      const names = flags.map(named);
      const after = { nothing: "", text: " -x", file: " -rF", choice: "" }[value.kind];
      const choices = value.kind === "choice" ? ` -x -a ${quote(value.choices.join(" "))}` : "";
      return `${here} ${names.join(" ")}${after}${choices} -d ${quote(description)}`;
    }),
  ];
}

function named(flag: string): string {
  return flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
}

/** fish knows two escapes in single quotes. */
function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
