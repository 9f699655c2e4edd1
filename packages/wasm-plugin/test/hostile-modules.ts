/** Wasm files, byte by byte, that are small and cost a compiler much; and some of features that plugins may not use. */

export const TYPE = { i32: 0x7f, i64: 0x7e, v128: 0x7b, funcref: 0x70, externref: 0x6f } as const;

type Bytes = Uint8Array | readonly number[];

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

export function bytes(...parts: Bytes[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (part instanceof Uint8Array ? part : Uint8Array.from(part))));
}

export function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return out;
}

export function repeated(times: number, part: Bytes): Uint8Array {
  const one = bytes(part);
  const out = Buffer.alloc(times * one.length);
  for (let i = 0; i < times; i++) out.set(one, i * one.length);
  return out;
}

export function section(id: number, ...content: Bytes[]): Uint8Array {
  const body = bytes(...content);
  return bytes([id], leb(body.length), body);
}

/** A vector: how many entries, then the entries. */
export function vector(...entries: Bytes[]): Uint8Array {
  return bytes(leb(entries.length), ...entries);
}

export function file(...sections: Bytes[]): Uint8Array {
  return bytes(HEADER, ...sections);
}

export function functionType(parameters: readonly number[], results: readonly number[]): Uint8Array {
  return bytes([0x60], leb(parameters.length), parameters, leb(results.length), results);
}

export interface Code {
  /** Locals of type i64. @default 0 */
  locals?: number;
  body: Bytes;
}

/** A module whose functions take an i32 and give nothing; further types follow as number 1 and so on. */
export function moduleOf(functions: readonly Code[], ...types: Bytes[]): Uint8Array {
  const codes = functions.map(({ locals = 0, body }) => {
    const code = bytes(locals > 0 ? bytes([1], leb(locals), [TYPE.i64]) : [0], body, [0x0b]);
    return bytes(leb(code.length), code);
  });
  return file(
    section(1, vector(functionType([TYPE.i32], []), ...types)),
    section(3, leb(functions.length), repeated(functions.length, [0])),
    section(5, [1, 0, 1]),
    section(10, vector(...codes)),
  );
}

export const same = (count: number, type: number) => Array.from({ length: count }, () => type);
const ascending = (count: number, of: (i: number) => Bytes) => bytes(...Array.from({ length: count }, (_, i) => of(i)));

const BR_IF = [0x20, 0, 0x0d, 0];
const CONSTANT = [0x42, 5];

/** Branches that carry values: V8's baseline compiler makes code for each value at each branch. */
export function branchesOverValues(branches: number, values: number): Uint8Array {
  const body = bytes(
    [0x02, 1],
    repeated(values, CONSTANT),
    repeated(branches, BR_IF),
    [0x0b],
    repeated(values, [0x1a]),
  );
  return moduleOf([{ body }], functionType([], same(values, TYPE.i64)));
}

/** The same with the values below the block, so that no branch carries any. */
export function branchesAboveValues(branches: number, values: number): Uint8Array {
  const ifs = repeated(branches, [0x20, 0, 0x04, 0x40, 0x05, 0x0b]);
  return moduleOf([{ body: bytes(repeated(values, CONSTANT), ifs, repeated(values, [0x1a])) }]);
}

/** One table of branches whose targets carry values. */
export function tableOverValues(targets: number, values: number): Uint8Array {
  const table = bytes([0x20, 0, 0x0e], leb(targets), repeated(targets + 1, [0]));
  const body = bytes([0x02, 1], repeated(values, CONSTANT), table, [0x0b], repeated(values, [0x1a]));
  return moduleOf([{ body }], functionType([], same(values, TYPE.i64)));
}

/** Loops within each other, of which the innermost changes every local: the optimizing compiler joins all at each. */
export function loopsOverLocals(loops: number, locals: number): Uint8Array {
  const changes = ascending(locals, (i) => [0x20, ...leb(i + 1), 0x42, 1, 0x7c, 0x21, ...leb(i + 1)]);
  const body = bytes(repeated(loops, [0x03, 0x40]), changes, repeated(loops, [...BR_IF, 0x0b]));
  return moduleOf([{ locals, body }]);
}

/** Loops one after the other, each of which changes one local. */
export function loopsInARow(loops: number, locals: number): Uint8Array {
  return moduleOf([{ locals, body: repeated(loops, [0x03, 0x40, 0x20, 1, 0x42, 1, 0x7c, 0x21, 1, ...BR_IF, 0x0b]) }]);
}

export function nestedBlocks(depth: number): Uint8Array {
  return moduleOf([{ body: bytes(repeated(depth, [0x02, 0x40]), repeated(depth, [0x0b])) }]);
}

/** Calls that pass values on. */
export function callsOverValues(calls: number, values: number): Uint8Array {
  const type = functionType(same(values, TYPE.i64), same(values, TYPE.i64));
  const body = bytes(repeated(values, CONSTANT), repeated(calls, [0x41, 0, 0x11, 1, 0]), repeated(values, [0x1a]));
  return withBody(body, [functionType([TYPE.i32], []), type]);
}

/** Functions of loads: within every bound, and work for the optimizing compiler. */
export function manyLoads(functions: number, loads: number): Uint8Array {
  const body = repeated(loads, [0x20, 0, 0x28, 2, 0, 0x21, 0]);
  return moduleOf(same(functions, 0).map(() => ({ body })));
}

/** A module of one function with this body, and what else is given. */
export function withBody(body: Bytes, types: readonly Bytes[] = [functionType([TYPE.i32], [])]): Uint8Array {
  const code = bytes([0], body, [0x0b]);
  return file(
    section(1, vector(...types)),
    section(3, [1, 0]),
    section(4, [1, TYPE.funcref, 0, 1]),
    section(5, [1, 0, 1]),
    section(10, [1], leb(code.length), code),
  );
}
