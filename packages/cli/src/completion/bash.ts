import type { CompletedCommand } from "./command-table.js";
import { quotedForShell as quote, steps, valuesOf } from "./walk.js";

/** A script for bash 3.2 and later, which needs nothing else installed. */
export function bashScript(table: readonly CompletedCommand[]): string {
  return `# Completion of aspen for bash: eval "$(aspen completion bash)"
_aspen_step() {
  case "$1:$2" in
${steps(table)
  .map(({ from, word, to }) => `    ${quote(`${from}:${word}`)}) at=${quote(to)} ;;`)
  .join("\n")}
    *) return 1 ;;
  esac
}
_aspen_valued() {
  case "$1:$2" in
${table
  .flatMap((command) => command.valued.map((flag) => quote(`${command.path}:${flag}`)))
  .map((pattern) => `    ${pattern}) return 0 ;;`)
  .join("\n")}
    *) return 1 ;;
  esac
}
_aspen_files() {
  local file
  while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$1")
  compopt -o filenames 2>/dev/null
}
_aspen() {
  local at='' cur="\${COMP_WORDS[COMP_CWORD]}" prev='' words='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    prev="\${COMP_WORDS[i]}"
    if _aspen_valued "$at" "$prev"; then
      # bash takes "=" for a word.
      [[ "\${COMP_WORDS[i + 1]}" == '=' ]] && ((i++))
      ((i++))
    else
      _aspen_step "$at" "$prev"
    fi
  done
  prev="\${COMP_WORDS[COMP_CWORD - 1]}"
  if [[ "$prev" == '=' ]]; then prev="\${COMP_WORDS[COMP_CWORD - 2]}"; elif [[ "$cur" == '=' ]]; then cur=''; fi
  if _aspen_valued "$at" "$prev"; then
    case "$at:$prev" in
${table.flatMap(valueCases).join("\n")}
    esac
  elif [[ "$cur" == -* ]]; then
    case "$at" in
${table.map((command) => `      ${quote(command.path)}) words=${quote(flagsOf(command))} ;;`).join("\n")}
    esac
  else
    case "$at" in
${table.flatMap(wordCases).join("\n")}
    esac
  fi
  [[ -n "$words" ]] && COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
complete -F _aspen aspen
`;
}

function valueCases(command: CompletedCommand): string[] {
  const { files, choices } = valuesOf(command);
  const pattern = (flags: readonly string[]) => flags.map((flag) => quote(`${command.path}:${flag}`)).join("|");
  return [
    ...(files.length > 0 ? [`      ${pattern(files)}) _aspen_files "$cur" ;;`] : []),
    ...choices.map(({ flags, words }) => `      ${pattern(flags)}) words=${quote(words.join(" "))} ;;`),
  ];
}

function wordCases({ path, commands, argument }: CompletedCommand): string[] {
  if (commands.length > 0)
    return [`      ${quote(path)}) words=${quote(commands.map(({ name }) => name).join(" "))} ;;`];
  if (argument.kind === "file") return [`      ${quote(path)}) _aspen_files "$cur" ;;`];
  if (argument.kind === "choice") return [`      ${quote(path)}) words=${quote(argument.choices.join(" "))} ;;`];
  return [];
}

function flagsOf({ options }: CompletedCommand): string {
  return options.flatMap(({ flags }) => flags).join(" ");
}
