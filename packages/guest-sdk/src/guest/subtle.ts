/**
 * Digests and HMAC of the Web Cryptography API, evaluated before a plugin that names `subtle`. The rest of the API is not
 * there: keys that a plugin must not see belong to the host, as those of `signing` do.
 */
import { hmac } from "@noble/hashes/hmac";
import { sha1 } from "@noble/hashes/legacy";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2";

const HASHES = { "SHA-1": sha1, "SHA-256": sha256, "SHA-384": sha384, "SHA-512": sha512 } as const;

type Algorithm = string | { name?: unknown; hash?: Algorithm };

/** A key of HMAC. Its bytes are the plugin's own already, so they are kept in its memory. */
class HmacKey {
  readonly type = "secret";
  readonly algorithm: { name: "HMAC"; hash: { name: string }; length: number };
  readonly #bytes: Uint8Array;

  constructor(
    bytes: Uint8Array,
    hash: keyof typeof HASHES,
    readonly extractable: boolean,
    readonly usages: readonly string[],
  ) {
    this.#bytes = bytes;
    this.algorithm = { name: "HMAC", hash: { name: hash }, length: bytes.length * 8 };
  }

  static sign(key: unknown, usage: "sign" | "verify", data: unknown): Uint8Array {
    if (!(key instanceof HmacKey) || !key.usages.includes(usage)) {
      throw new DOMException(`the key is none for ${usage}`, "InvalidAccessError");
    }
    return hmac(HASHES[key.algorithm.hash.name as keyof typeof HASHES], key.#bytes, bytesOf(data));
  }
}

function nameOf(algorithm: unknown): string {
  const name = typeof algorithm === "string" ? algorithm : (algorithm as { name?: unknown } | null)?.name;
  return String(name).toUpperCase();
}

function hashOf(algorithm: unknown): keyof typeof HASHES {
  const name = nameOf(algorithm);
  if (Object.hasOwn(HASHES, name)) return name as keyof typeof HASHES;
  throw unsupported(name);
}

function unsupported(name: string): DOMException {
  return new DOMException(
    `${name} is not there in a plugin, which has SHA-1, SHA-256, SHA-384, SHA-512 and HMAC with raw keys`,
    "NotSupportedError",
  );
}

/** A copy, as the data may change while a promise is waited for. */
function bytesOf(data: unknown): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  throw new TypeError("the data must be an ArrayBuffer or a view of one");
}

const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer as ArrayBuffer;

/** Without a break at the first difference, which would tell where it is. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at += 1) difference |= one[at]! ^ other[at]!;
  return difference === 0;
}

const subtle = {
  async digest(algorithm: Algorithm, data: unknown): Promise<ArrayBuffer> {
    return bufferOf(HASHES[hashOf(algorithm)](bytesOf(data)));
  },

  async importKey(
    format: unknown,
    data: unknown,
    algorithm: Algorithm,
    extractable: unknown,
    usages: Iterable<string>,
  ) {
    if (format !== "raw") throw unsupported(`the key format ${String(format)}`);
    if (nameOf(algorithm) !== "HMAC") throw unsupported(nameOf(algorithm));
    const wanted = [...usages];
    if (wanted.length === 0 || wanted.some((usage) => usage !== "sign" && usage !== "verify")) {
      throw new DOMException("a key of HMAC is for sign and verify", "SyntaxError");
    }
    const bytes = bytesOf(data);
    if (bytes.length === 0) throw new DOMException("the key is empty", "DataError");
    return new HmacKey(bytes, hashOf((algorithm as { hash?: unknown }).hash), Boolean(extractable), wanted);
  },

  async sign(_algorithm: Algorithm, key: unknown, data: unknown): Promise<ArrayBuffer> {
    return bufferOf(HmacKey.sign(key, "sign", data));
  },

  async verify(_algorithm: Algorithm, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    return isSame(HmacKey.sign(key, "verify", data), bytesOf(signature));
  },
};

globalThis.__aspenSubtle = subtle;
