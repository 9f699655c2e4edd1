/** Bytes compared as unsigned numbers, shorter first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export function bytesEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return Buffer.compare(a, b) === 0;
}

/** The least bytes greater than everything that starts with `prefix`; null when there is none. */
export function prefixEnd(prefix: Uint8Array): Buffer | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return null;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = end[length - 1]! + 1;
  return end;
}

/** A copy that shares no memory with anything. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** A copy of the bytes from an offset on, with memory of its own; `subarray` would cost more than the copy. */
export function copyOf(bytes: Buffer, from: number): Uint8Array {
  const out = new Uint8Array(bytes.length - from);
  bytes.copy(out, 0, from);
  return out;
}

export function startsWith(bytes: Buffer, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && bytes.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}
