import { isPlain } from "./layers.js";

/** Names of fields whose text nobody should see, nor any text below them. */
const SECRET =
  /token|secret|password|passphrase|passwd|credential|authorization|cookie|(?:private|api|signing).?key|^keys?$/i;
/** What is below them is masked, too: an environment holds tokens under any name. */
const SECRET_MAP = /^(?:env|environment)$/i;
const MASK = "***";

/** A value as JSON, with everything masked that may be a secret: by the names on its path, or by what it looks like. */
export function masked(path: readonly string[], value: unknown): unknown {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return value !== "" && isSecret(path) ? MASK : withoutCredentials(value);
  if (Array.isArray(value)) return value.map((item) => masked(path, item));
  if (!isPlain(value)) return `(${typeof value === "object" ? "an object" : typeof value})`;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, masked([...path, name], inner)]));
}

function isSecret(path: readonly string[]): boolean {
  return path.some((name) => SECRET.test(name)) || path.slice(0, -1).some((name) => SECRET_MAP.test(name));
}

function withoutCredentials(text: string): string {
  if (text.includes("PRIVATE KEY-----")) return MASK;
  return (
    text
      // A password may hold an "@" that nobody has encoded: up to the last one before the path.
      .replaceAll(/(\/\/)[^/?#]*@/g, `$1${MASK}@`)
      .replaceAll(/([?&][^=&#\s]*(?:token|secret|password|key)[^=&#\s]*=)[^&#\s]*/gi, `$1${MASK}`)
  );
}
