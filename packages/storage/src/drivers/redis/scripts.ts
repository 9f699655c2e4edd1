import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The scripts lie beside the package's code, in the source tree as in the published package. */
const folder = join(dirname(createRequire(import.meta.url).resolve("@aspen/storage/package.json")), "lua");

/** Scripts on one namespace; `changes.lua` comes before each of them. */
const NAMESPACE_SCRIPTS = [
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
/** Scripts on the registry of namespaces in which something expires. */
const EXPIRY_SCRIPTS = ["announce-expiry", "take-due", "settle-due"] as const;

/** Scripts on one blob; `blob.lua` comes before each of them. */
const BLOB_SCRIPTS = [
  "blob-abandon",
  "blob-collect",
  "blob-commit",
  "blob-delete",
  "blob-fence",
  "blob-lease",
  "blob-reference",
  "blob-touch",
  "blob-unreference",
] as const;

export type ScriptName =
  | (typeof NAMESPACE_SCRIPTS)[number]
  | (typeof EXPIRY_SCRIPTS)[number]
  | (typeof BLOB_SCRIPTS)[number];

/** Scripts that may be sent twice without harm. */
export const REPEATABLE_SCRIPTS: ReadonlySet<ScriptName> = new Set([
  "scan",
  "lease",
  "read-changes",
  "sweep",
  "entries",
  "inspect",
  "raise-version",
  ...EXPIRY_SCRIPTS,
  "blob-abandon",
  "blob-collect",
  "blob-commit",
  "blob-fence",
  "blob-reference",
  "blob-touch",
]);

export interface Script {
  text: string;
  /** SHA-1 of the text, by which the server knows it. */
  sha: string;
}

const loaded = new Map<ScriptName, Script>();

/** Read once from the disk. */
export function scriptOf(name: ScriptName): Script {
  const known = loaded.get(name);
  if (known) return known;
  const files = [...leadingFiles(name), name];
  const text = files.map((file) => readFileSync(join(folder, `${file}.lua`), "utf8")).join("");
  const script = { text, sha: createHash("sha1").update(text).digest("hex") };
  loaded.set(name, script);
  return script;
}

/** What comes before a script. */
function leadingFiles(name: string): string[] {
  if ((NAMESPACE_SCRIPTS as readonly string[]).includes(name)) return ["changes"];
  return (BLOB_SCRIPTS as readonly string[]).includes(name) ? ["blob"] : [];
}
