import {
  AspenError,
  encodeEnvelope,
  encodeUtf8,
  errorResult,
  LIMITS,
  RESULT_NOT_FOUND,
  RESULT_OK,
  type ResultKind,
  taggedResult,
  writeU64,
} from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import type { HostResult } from "./host-function.js";

/** The tagged bytes of a result. @throws AspenError `PAYLOAD_TOO_LARGE` */
export function encodeResult(kind: ResultKind, result: HostResult): Uint8Array {
  if (result === null) return Uint8Array.of(RESULT_NOT_FOUND);
  const out = taggedResult(RESULT_OK, payload(kind, result));
  if (out.length > LIMITS.messageBytes) throw hostErrors.resultTooLarge(out.length);
  return out;
}

export function encodeError(error: unknown): Uint8Array {
  return errorResult(AspenError.from(error));
}

function payload(kind: ResultKind, result: Exclude<HostResult, null>): Uint8Array {
  switch (kind) {
    case "unit":
      return new Uint8Array(0);
    case "bool":
      return Uint8Array.of(result ? 1 : 0);
    case "u64": {
      const bytes = new Uint8Array(8);
      writeU64(bytes, result as number);
      return bytes;
    }
    case "string":
    case "json":
      return encodeUtf8(result as string);
    case "bytes":
      return result as Uint8Array;
    case "entry": {
      const { version, value } = result as { version: number; value: Uint8Array };
      const bytes = new Uint8Array(8 + value.length);
      writeU64(bytes, version);
      bytes.set(value, 8);
      return bytes;
    }
    case "envelope": {
      const { header, attachments } = result as { header: unknown; attachments: Uint8Array[] };
      return encodeEnvelope(header, attachments);
    }
  }
}
