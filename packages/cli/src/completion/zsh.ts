import type { CompletedCommand } from "./command-table.js";
import { quotedForShell as quote, steps, valuesOf } from "./walk.js";

/** A script for zsh, to be evaluated or to lie as `_aspen` in a folder of `fpath`. */
export function zshScript(table: readonly CompletedCommand[]): string {
  return `#compdef aspen
# Completion of aspen for zsh: eval "$(aspen completion zsh)", after compinit.
_aspen() {
  local at='' prev='' i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    prev="$words[i]"
    case "$at:$prev" in
${table
  .flatMap((command) => command.valued.map((flag) => `      ${quote(`${command.path}:${flag}`)}) ((i++)) ;;`))
  .join("\n")}
${steps(table)
  .map(({ from, word, to }) => `      ${quote(`${from}:${word}`)}) at=${quote(to)} ;;`)
  .join("\n")}
    esac
  done
  case "$at:$words[CURRENT-1]" in
${table.flatMap(valueCases).join("\n")}
  esac
  if [[ "$words[CURRENT]" == -* ]]; then
    case "$at" in
${table.map((command) => `      ${quote(command.path)}) found=(${described(flagsOf(command))}) ;;`).join("\n")}
    esac
    _describe option found
    return
  fi
  case "$at" in
${table.flatMap(wordCases).join("\n")}
  esac
  [[ $#found -gt 0 ]] && _describe command found
}
if [[ "\${funcstack[1]}" == '_aspen' ]]; then _aspen "$@"; else compdef _aspen aspen; fi
`;
}

/** A value that nobody can guess ends it, so that no command is offered in its place. */
function valueCases(command: CompletedCommand): string[] {
  const { files, choices } = valuesOf(command);
  const pattern = (flags: readonly string[]) => flags.map((flag) => quote(`${command.path}:${flag}`)).join("|");
  const all = command.valued;
  return [
    ...(files.length > 0 ? [`    ${pattern(files)}) _files; return ;;`] : []),
    ...choices.map(({ flags, words }) => `    ${pattern(flags)}) compadd -- ${words.map(quote).join(" ")}; return ;;`),
    ...(all.length > 0 ? [`    ${pattern(all)}) return ;;`] : []),
  ];
}

function wordCases({ path, commands, argument }: CompletedCommand): string[] {
  if (commands.length > 0) {
    return [
      `    ${quote(path)}) found=(${described(commands.map(({ name, description }) => [name, description]))}) ;;`,
    ];
  }
  if (argument.kind === "file") return [`    ${quote(path)}) _files ;;`];
  if (argument.kind === "choice") return [`    ${quote(path)}) compadd -- ${argument.choices.map(quote).join(" ")} ;;`];
  return [];
}

function flagsOf({ options }: CompletedCommand): [string, string][] {
  return options.flatMap(({ flags, description }) => flags.map((flag): [string, string] => [flag, description]));
}

function described(words: readonly (readonly [string, string])[]): string {
  return words.map(([word, description]) => quote(`${word}:${description}`)).join(" ");
}
