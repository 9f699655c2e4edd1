import { createRequire } from "node:module";
import { CommanderError } from "commander";
import { ranForeignCode } from "./config/load-module.js";
import { cliErrors } from "./errors.js";
import { writeError } from "./output.js";
import { createProgram } from "./program.js";
import { guardStreams } from "./streams.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** A token, wherever it was put by mistake. */
const TOKEN = /eyJ[\w-]+\.[\w-]*(\.[\w-]*)?/g;

guardStreams();

try {
  await createProgram(version).parseAsync();
} catch (error) {
  process.exitCode = exitStatus(error);
}
// What the code of a configuration file left open, such as a timer, does not keep the command.
if (ranForeignCode()) process.stdout.write("", () => process.exit());

/** A wrong use is told with the words that were given: an address among them may have a password. */
function withoutCredentials(message: string): string {
  // Longer words first: one may be a part of another.
  const words = process.argv.flatMap((word) => [word, word.slice(word.indexOf("=") + 1)]);
  const given = words.filter((word) => word.includes("@")).sort((one, other) => other.length - one.length);
  // A password may hold quotes and blanks, so that where it ends cannot be seen in the message alone.
  const known = given.reduce((text, word) => text.replaceAll(word, () => masked(word)), message);
  return known.replaceAll(/(\/\/)[^\s'"]*@/g, "$1***@").replaceAll(TOKEN, "***");
}

function masked(word: string): string {
  return word.replace(/^((?:--?[^=/@]*=)?(?:[^/@]*\/\/)?).+@/s, "$1***@");
}

function exitStatus(error: unknown): number {
  const json = process.argv.includes("--json");
  if (!(error instanceof CommanderError)) return writeError(error, json);
  // Help that was asked for ends with 0; a noun without a verb shows its help and is a wrong use.
  if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return 0;
  if (error.code === "commander.help") return error.exitCode === 0 ? 0 : 2;
  return writeError(cliErrors.usage(withoutCredentials(error.message.replace(/^error: /, ""))), json);
}
