/** Bounds on a plugin's wasm file. They are checked before any compiler sees it. Sizes are bytes. */
export const WASM_BOUNDS = {
  customSections: 64,
  types: 10_000,
  /** Of one function or block. */
  parameters: 128,
  results: 64,
  imports: 1000,
  functions: 50_000,
  tables: 16,
  /** Elements of all tables together: several words of the host each. */
  tableElements: 1_000_000,
  globals: 10_000,
  exports: 10_000,
  elementSegments: 10_000,
  /** Entries of all element segments together. */
  elements: 1_000_000,
  dataSegments: 50_000,
  nameBytes: 1024,
  /** Of one function, with its locals. */
  functionBytes: 512 * 1024,
  /** Of one function, its parameters among them. */
  locals: 10_000,
  /** Blocks, loops and ifs within each other. */
  nesting: 2000,
  /** Values on the operand stack at once. */
  operands: 10_000,
  /**
   * Values that a function's branches, blocks and calls carry, all of them together. Each counts the locals and operands
   * that are live at it, a `br_table` for each of its targets; what a call passes counts four times. A compiler takes up
   * to 300 bytes for each. The largest functions of QuickJS, SQLite and esbuild stay below 200,000.
   */
  carriedValues: 1_000_000,
} as const;
