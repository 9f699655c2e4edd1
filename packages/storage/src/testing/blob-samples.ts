import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { hashBytes } from "../blobs/hash.js";

/** Bytes that are the same for the same arguments and differ between namespaces. */
export function sample(namespace: string, length: number): Uint8Array {
  const seed = hashBytes(encodeUtf8(namespace));
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >> 8) + seed[i % seed.length]!;
  return bytes;
}

export async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return new Uint8Array(Buffer.concat(all));
}

export async function* stream(data: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += partBytes) yield data.subarray(at, at + partBytes);
}
