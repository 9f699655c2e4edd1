import { LIMITS } from "@aspen/plugin-api/abi";

/** Bytes of blocks that may live at once in a call: its input, its output and some host calls of full size. */
const BUDGET_BYTES = 4 * LIMITS.messageBytes;
/** What a block costs the host beside its bytes; it also bounds the number of blocks. */
const BLOCK_COST = 128;
/** A handle is `index * 2^32 + offset`; guests of Extism's kits do arithmetic within a block. */
const INDEX_UNIT = 2 ** 32;

/**
 * Blocks of memory that host and guest hand to each other by handle, for one call. Extism's own table is not
 * used: it counts freed blocks, takes no limit that holds, and runs out of handles after 65,535 blocks.
 */
export class BlockTable {
  readonly #blocks: (Block | null)[] = [null];
  readonly #free: number[] = [];
  #bytes = 0;

  /** Forgets every block. */
  clear(): void {
    this.#blocks.length = 1;
    this.#free.length = 0;
    this.#bytes = 0;
  }

  /** A handle for the bytes, which belong to the table from now on; 0 when the budget is spent. */
  add(bytes: Uint8Array): bigint {
    const cost = bytes.length + BLOCK_COST;
    if (cost > BUDGET_BYTES - this.#bytes) return 0n;
    this.#bytes += cost;
    const index = this.#free.pop() ?? this.#blocks.length;
    this.#blocks[index] = new Block(bytes);
    return BigInt(index * INDEX_UNIT);
  }

  /** A handle for a copy of the bytes; 0 when the budget is spent, and then nothing is copied. */
  copy(bytes: Uint8Array): bigint {
    return bytes.length + BLOCK_COST > BUDGET_BYTES - this.#bytes ? 0n : this.add(bytes.slice());
  }

  /** A zeroed block; 0 when the budget is spent, and then nothing is allocated. */
  allocate(length: bigint): bigint {
    const size = Number(BigInt.asUintN(64, length));
    return size + BLOCK_COST > BUDGET_BYTES - this.#bytes ? 0n : this.add(new Uint8Array(size));
  }

  /** The whole block that a handle lies in; null for a handle that is none. */
  get(handle: bigint): Uint8Array | null {
    return this.#blocks[indexOf(Number(handle))]?.bytes ?? null;
  }

  /** The block from the handle's offset on. */
  at(handle: bigint): Uint8Array | null {
    const address = Number(handle);
    const index = indexOf(address);
    return this.#blocks[index]?.bytes.subarray(address - index * INDEX_UNIT) ?? null;
  }

  /** The byte at an address; 0 outside of blocks. */
  loadByte(handle: bigint): number {
    const address = Number(handle);
    const index = indexOf(address);
    return this.#blocks[index]?.bytes[address - index * INDEX_UNIT] ?? 0;
  }

  /** The 8 bytes at an address, little-endian; 0 when they are not inside one block. */
  loadWord(handle: bigint): bigint {
    const address = Number(handle);
    const index = indexOf(address);
    return this.#blocks[index]?.load(address - index * INDEX_UNIT) ?? 0n;
  }

  storeByte(handle: bigint, value: number): void {
    const address = Number(handle);
    const index = indexOf(address);
    const block = this.#blocks[index];
    // Beyond the end of an array of bytes this does nothing.
    if (block) block.bytes[address - index * INDEX_UNIT] = value;
  }

  storeWord(handle: bigint, value: bigint): void {
    const address = Number(handle);
    const index = indexOf(address);
    this.#blocks[index]?.store(address - index * INDEX_UNIT, value);
  }

  free(handle: bigint): void {
    const index = indexOf(Number(handle));
    const block = this.#blocks[index];
    if (!block) return;
    this.#blocks[index] = null;
    this.#free.push(index);
    this.#bytes -= block.bytes.length + BLOCK_COST;
  }
}

/** Bytes that are also read and written in words, as guests of Extism's kits do. No offset makes it throw. */
export class Block {
  #view: DataView | null = null;

  constructor(readonly bytes: Uint8Array) {}

  load(offset: number): bigint {
    if (offset < 0 || offset + 8 > this.bytes.length) return 0n;
    return this.#words().getBigUint64(offset, true);
  }

  store(offset: number, value: bigint): void {
    if (offset >= 0 && offset + 8 <= this.bytes.length) this.#words().setBigUint64(offset, value, true);
  }

  #words(): DataView {
    const { buffer, byteOffset, byteLength } = this.bytes;
    this.#view ??= new DataView(buffer, byteOffset, byteLength);
    return this.#view;
  }
}

/**
 * The index of an address's block. Addresses that a table gives out are below 2^53; any other is negative or
 * so large that no block has its index.
 */
function indexOf(address: number): number {
  return Math.floor(address / INDEX_UNIT);
}
