import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Hashes bytes as they come. The native library is loaded at the first; CommonJS without named ESM exports. */
export function createBlake3(): import("@napi-rs/blake-hash").Blake3Hasher {
  const { Blake3Hasher } = require("@napi-rs/blake-hash") as typeof import("@napi-rs/blake-hash");
  return new Blake3Hasher();
}
