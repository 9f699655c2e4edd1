import { decodeEnvelope, decodeStrictUtf8, type Envelope, jsonNestsDeeper } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";

export function bytesArg(args: readonly (Uint8Array | null)[], index: number, name: string): Uint8Array {
  const arg = args[index];
  if (!arg) throw hostErrors.invalidArgument(name, "is missing");
  return arg;
}

export function stringArg(args: readonly (Uint8Array | null)[], index: number, name: string): string {
  try {
    return decodeStrictUtf8(bytesArg(args, index, name));
  } catch (error) {
    throw hostErrors.invalidArgument(name, "is not UTF-8", error);
  }
}

/** Bytes of options in JSON: they name a key or two at most. */
const OPTIONS_BYTES = 16 * 1024;
/** Bytes of an envelope's header: a thousand checks and a thousand operations, each with a key. */
const HEADER_BYTES = 3 * 1024 * 1024;
/** Levels of a parameter in JSON. */
const DEPTH = 8;

/**
 * A parameter in JSON of at most `maxBytes`. The length is checked before the text is parsed: a parser cannot be
 * stopped, and its objects are many times as large as a hostile text.
 */
export function jsonArg(
  args: readonly (Uint8Array | null)[],
  index: number,
  name: string,
  maxBytes: number = OPTIONS_BYTES,
  depth: number = DEPTH,
): unknown {
  const { length } = bytesArg(args, index, name);
  if (length > maxBytes) throw hostErrors.parameterTooLarge(name, length, maxBytes);
  const text = stringArg(args, index, name);
  if (jsonNestsDeeper(text, depth)) throw hostErrors.invalidArgument(name, `nests deeper than ${depth}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw hostErrors.invalidArgument(name, "is not JSON", error);
  }
}

export function recordArg(
  args: readonly (Uint8Array | null)[],
  index: number,
  name: string,
  maxBytes?: number,
): Record<string, unknown> {
  const value = jsonArg(args, index, name, maxBytes);
  if (!isRecord(value)) throw hostErrors.invalidArgument(name, "is not a JSON object");
  return value;
}

export function envelopeArg(
  args: readonly (Uint8Array | null)[],
  index: number,
  name: string,
): Envelope<Record<string, unknown>> {
  const bytes = bytesArg(args, index, name);
  const headerBytes = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (headerBytes > HEADER_BYTES)
    throw hostErrors.parameterTooLarge(`the header of ${name}`, headerBytes, HEADER_BYTES);
  try {
    const envelope = decodeEnvelope(bytes);
    if (!isRecord(envelope.header)) throw new TypeError("its header is not a JSON object");
    return envelope as Envelope<Record<string, unknown>>;
  } catch (error) {
    throw hostErrors.invalidArgument(name, error instanceof Error ? error.message : "is not an envelope", error);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `value` when it is absent or of the type; @throws AspenError `INVALID_PARAMS` otherwise */
export function optional<T extends "string" | "number" | "boolean">(
  value: unknown,
  type: T,
  name: string,
): { string: string; number: number; boolean: boolean }[T] | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== type) throw hostErrors.invalidArgument(name, `must be a ${type}`);
  return value as { string: string; number: number; boolean: boolean }[T];
}
