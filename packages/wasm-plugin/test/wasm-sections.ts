/** The wasm file with its custom sections of that name replaced by one. */
export function withCustomSection(wasm: Uint8Array, name: string, content: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [wasm.subarray(0, 8)];
  for (let at = 8; at < wasm.length; ) {
    const [size, body] = unsigned(wasm, at + 1);
    const section = wasm.subarray(at, body + size);
    if (wasm[at] !== 0 || nameOf(wasm, body) !== name) parts.push(section);
    at = body + size;
  }
  const own = Buffer.concat([leb(name.length), Buffer.from(name), content]);
  return Buffer.concat([...parts, Uint8Array.of(0), leb(own.length), own]);
}

function nameOf(wasm: Uint8Array, at: number): string {
  const [length, start] = unsigned(wasm, at);
  return Buffer.from(wasm.subarray(start, start + length)).toString();
}

/** A LEB128 number and where it ends. */
function unsigned(bytes: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  for (let at = start, factor = 1; ; at++, factor *= 128) {
    value += (bytes[at]! & 127) * factor;
    if (bytes[at]! < 128) return [value, at + 1];
  }
}

function leb(value: number): Uint8Array {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...out, rest]);
    out.push((rest % 128) + 128);
  }
}
