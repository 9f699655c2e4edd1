import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The scripts lie beside the package's code, in the source tree as in the published package. */
const folder = join(dirname(createRequire(import.meta.url).resolve("@aspen/storage/package.json")), "lua");

/** Every script but `changes.lua`, which comes before each of them. */
export const SCRIPTS = [
  "put",
  "delete",
  "compare-and-swap",
  "transact",
  "scan",
  "lease",
  "read-changes",
  "sweep",
  "entries",
  "inspect",
  "raise-version",
  "restore",
] as const;
export type ScriptName = (typeof SCRIPTS)[number];

export function scriptText(name: ScriptName): string {
  return ["changes", name].map((file) => readFileSync(join(folder, `${file}.lua`), "utf8")).join("");
}

/** The name of a script as a command of the client. */
export function scriptCommand(name: ScriptName): string {
  return `aspen_${name.replaceAll("-", "_")}`;
}
