/** The instructions of WebAssembly 2.0 without SIMD: their immediates, and how many operands they take and leave. */

/** What follows an opcode. */
export const IMMEDIATE = {
  refused: 0,
  none: 1,
  index: 2,
  twoIndexes: 3,
  memory: 4,
  int: 5,
  long: 6,
  float: 7,
  double: 8,
  referenceType: 9,
  /** One that is read by its own rules. */
  special: 10,
} as const;

export interface OpcodeTable {
  immediate: Uint8Array;
  pops: Uint8Array;
  pushes: Uint8Array;
  /** 1 where compilers call a function of their own, and so set down what is live. */
  calls: Uint8Array;
}

type Row = readonly [first: number, last: number, immediate: number, pops: number, pushes: number, calls?: 1];

function table(rows: readonly Row[]): OpcodeTable {
  const out = {
    immediate: new Uint8Array(256),
    pops: new Uint8Array(256),
    pushes: new Uint8Array(256),
    calls: new Uint8Array(256),
  };
  for (const [first, last, immediate, pops, pushes, calls = 0] of rows) {
    out.immediate.fill(immediate, first, last + 1);
    out.pops.fill(pops, first, last + 1);
    out.pushes.fill(pushes, first, last + 1);
    out.calls.fill(calls, first, last + 1);
  }
  return out;
}

const { none, index, twoIndexes, memory, int, long, float, double, referenceType, special } = IMMEDIATE;

export const OPCODE = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  selectTyped: 0x1c,
  misc: 0xfc,
} as const;

export const OPCODES = table([
  [0x00, 0x00, special, 0, 0],
  [0x01, 0x01, none, 0, 0],
  [0x02, 0x05, special, 0, 0],
  [0x0b, 0x11, special, 0, 0],
  [0x1a, 0x1a, none, 1, 0],
  [0x1b, 0x1b, none, 3, 1],
  [0x1c, 0x1c, special, 3, 1],
  [0x20, 0x20, index, 0, 1],
  [0x21, 0x21, index, 1, 0],
  [0x22, 0x22, index, 1, 1],
  [0x23, 0x23, index, 0, 1],
  [0x24, 0x24, index, 1, 0],
  [0x25, 0x25, index, 1, 1, 1],
  [0x26, 0x26, index, 2, 0, 1],
  // Loads, stores, size and growth of the memory.
  [0x28, 0x35, memory, 1, 1],
  [0x36, 0x3e, memory, 2, 0],
  [0x3f, 0x3f, index, 0, 1],
  [0x40, 0x40, index, 1, 1, 1],
  // Constants.
  [0x41, 0x41, int, 0, 1],
  [0x42, 0x42, long, 0, 1],
  [0x43, 0x43, float, 0, 1],
  [0x44, 0x44, double, 0, 1],
  // Comparisons of i32, i64, f32, f64.
  [0x45, 0x45, none, 1, 1],
  [0x46, 0x4f, none, 2, 1],
  [0x50, 0x50, none, 1, 1],
  [0x51, 0x66, none, 2, 1],
  // Arithmetic of i32, i64, f32, f64; one operand, then two.
  [0x67, 0x69, none, 1, 1],
  [0x6a, 0x78, none, 2, 1],
  [0x79, 0x7b, none, 1, 1],
  [0x7c, 0x8a, none, 2, 1],
  [0x8b, 0x91, none, 1, 1],
  [0x92, 0x98, none, 2, 1],
  [0x99, 0x9f, none, 1, 1],
  [0xa0, 0xa6, none, 2, 1],
  // Conversions and sign extension.
  [0xa7, 0xc4, none, 1, 1],
  [0xd0, 0xd0, referenceType, 0, 1],
  [0xd1, 0xd1, none, 1, 1],
  [0xd2, 0xd2, index, 0, 1, 1],
  [0xfc, 0xfc, special, 0, 0],
]);

/** Those behind the prefix 0xfc. */
export const MISC_OPCODES = table([
  // Saturating conversions.
  [0, 7, none, 1, 1],
  // memory.init, data.drop, memory.copy, memory.fill.
  [8, 8, twoIndexes, 3, 0, 1],
  [9, 9, index, 0, 0],
  [10, 10, twoIndexes, 3, 0, 1],
  [11, 11, index, 3, 0, 1],
  // table.init, elem.drop, table.copy, grow, size, fill.
  [12, 12, twoIndexes, 3, 0, 1],
  [13, 13, index, 0, 0],
  [14, 14, twoIndexes, 3, 0, 1],
  [15, 15, index, 2, 1, 1],
  [16, 16, index, 0, 1],
  [17, 17, index, 3, 0, 1],
]);
