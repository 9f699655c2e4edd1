const encoder = new TextEncoder();
// A byte order mark is a character like any other: without `ignoreBOM`, a key that starts with one becomes another key.
// These are the only decoders; `biome.json` refuses others in what is published.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

const document = new TextDecoder("utf-8");

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes that are not UTF-8 become U+FFFD. Use it for text that is shown, never for a name or a key. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** @throws TypeError when the bytes are not UTF-8 */
export function decodeStrictUtf8(bytes: Uint8Array): string {
  return strict.decode(bytes);
}

/** The text of a file or a document, without the byte order mark that some editors write in front of it. */
export function decodeDocument(bytes: Uint8Array): string {
  return document.decode(bytes);
}
