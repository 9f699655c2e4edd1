import { writeU64 } from "@aspen/plugin-api/abi";
import { targetOf } from "../../kv/append.js";
import type { Check, Op, Transaction } from "../../kv/key-value-store.js";

const NO_BYTES = new Uint8Array(0);
const ABSENT = 0;
const VERSION = 1;
const VALUE = 2;
const KINDS = { delete: 0, put: 1, append: 2 } as const;
/** Of a check and of an operation, beside their texts and bytes. */
const CHECK_BYTES = 9;
const OP_BYTES = 17;

/**
 * A transaction as one argument of `transact.lua`, because a server takes longer for many small ones: the number of its
 * checks and that of its operations; of each check its kind (1 byte: 0 absent, 1 version, 2 value), its key and its operand
 * (a version as 8 bytes); of each operation its kind (1 byte: 0 delete, 1 put, 2 append), the milliseconds that it lives (8
 * bytes, 0 for ever), its key or prefix, and its value. Texts and bytes have their length before them (4 bytes). All numbers
 * are little-endian.
 */
export function packTransaction({ checks, ops }: Transaction): Buffer {
  let length = 8;
  for (const check of checks) length += CHECK_BYTES + Buffer.byteLength(check.key) + operandBytes(check);
  for (const op of ops) length += OP_BYTES + Buffer.byteLength(targetOf(op)) + bytesOf(op).length;
  const packed = Buffer.allocUnsafe(length);
  packed.writeUInt32LE(checks.length, 0);
  packed.writeUInt32LE(ops.length, 4);
  let at = 8;
  for (const check of checks) {
    packed[at] = "version" in check ? VERSION : check.value === null ? ABSENT : VALUE;
    at = writeText(packed, check.key, at + 1);
    if ("version" in check) {
      packed.writeUInt32LE(8, at);
      writeU64(packed, check.version, at + 4);
      at += 12;
    } else at = writeBytes(packed, check.value ?? NO_BYTES, at);
  }
  for (const op of ops) {
    packed[at] = KINDS[op.type];
    writeU64(packed, op.type === "delete" ? 0 : (op.ttlMs ?? 0), at + 1);
    at = writeText(packed, targetOf(op), at + 9);
    at = writeBytes(packed, bytesOf(op), at);
  }
  return packed;
}

function operandBytes(check: Check): number {
  return "version" in check ? 8 : (check.value?.length ?? 0);
}

function bytesOf(op: Op): Uint8Array {
  return op.type === "delete" ? NO_BYTES : op.value;
}

/** Gives the place behind it. */
function writeText(packed: Buffer, text: string, at: number): number {
  const length = packed.write(text, at + 4, "utf8");
  packed.writeUInt32LE(length, at);
  return at + 4 + length;
}

/** Gives the place behind them. */
function writeBytes(packed: Buffer, bytes: Uint8Array, at: number): number {
  packed.writeUInt32LE(bytes.length, at);
  packed.set(bytes, at + 4);
  return at + 4 + bytes.length;
}
