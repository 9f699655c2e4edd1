import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The scripts lie beside the package's code, in the source tree as in the published package. */
const folder = join(dirname(createRequire(import.meta.url).resolve("@aspen/storage/package.json")), "lua");

interface ScriptTraits {
  /** Its file, without the ending. @default its name */
  file?: string;
  /** The file that comes before it: `changes` for scripts on one namespace, `blob` for those on one blob. */
  after?: "changes" | "blob";
  /** It may be sent twice without harm. */
  repeatable?: boolean;
  /** It takes no more memory than it frees, and runs on a server whose memory is full. */
  frees?: boolean;
}

const SCRIPTS = {
  put: { after: "changes" },
  "put-when-full": { after: "changes", file: "put", frees: true },
  delete: { after: "changes", frees: true },
  "compare-and-swap": { after: "changes" },
  "compare-and-swap-when-full": { after: "changes", file: "compare-and-swap", frees: true },
  append: { after: "changes" },
  "append-when-full": { after: "changes", file: "append", frees: true },
  transact: { after: "changes" },
  "transact-when-full": { after: "changes", file: "transact", frees: true },
  // Expired entries are dropped first.
  scan: { after: "changes", repeatable: true, frees: true },
  lease: { after: "changes", repeatable: true },
  "read-changes": { after: "changes", repeatable: true },
  sweep: { after: "changes", repeatable: true, frees: true },
  entries: { after: "changes", repeatable: true },
  inspect: { after: "changes", repeatable: true },
  "raise-version": { after: "changes", repeatable: true },
  restore: { after: "changes" },

  // On the registry of namespaces in which something expires.
  "announce-expiry": { repeatable: true },
  "take-due": { repeatable: true, frees: true },
  "settle-due": { repeatable: true, frees: true },

  "blob-abandon": { after: "blob", repeatable: true, frees: true },
  "blob-collect": { after: "blob", repeatable: true, frees: true },
  "blob-commit": { after: "blob", repeatable: true },
  "blob-delete": { after: "blob", frees: true },
  "blob-fence": { after: "blob", repeatable: true, frees: true },
  "blob-lease": { after: "blob" },
  "blob-reference": { after: "blob", repeatable: true },
  "blob-touch": { after: "blob", repeatable: true },
  "blob-unreference": { after: "blob", frees: true },
} satisfies Record<string, ScriptTraits>;

export type ScriptName = keyof typeof SCRIPTS;

/** Writes that a full server takes when the new value is not larger than the old one. */
export type GrowingScript = "put" | "compare-and-swap" | "append" | "transact";

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
  const { after, file = name, frees = false }: ScriptTraits = SCRIPTS[name];
  const read = (lua: string) => readFileSync(join(folder, `${lua}.lua`), "utf8");
  // Without the flag, and always before Redis 7, a full server refuses the first command that may take memory.
  const head = frees ? "#!lua flags=allow-oom\nlocal FREES = true\n" : "local FREES = false\n";
  const text = head + (after ? read(after) : "") + read(file);
  const script = { text, sha: createHash("sha1").update(text).digest("hex") };
  loaded.set(name, script);
  return script;
}

export function isRepeatable(name: ScriptName): boolean {
  const { repeatable = false }: ScriptTraits = SCRIPTS[name];
  return repeatable;
}
