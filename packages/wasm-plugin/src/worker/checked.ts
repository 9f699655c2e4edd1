import { isUtf8 } from "node:buffer";
import { decodeUtf8, encodeUtf8, type JsonProblem, jsonProblem, LIMITS } from "@aspen/plugin-api/abi";
import { PARAMS_END_BYTES } from "../protocol/guest-input.js";
import type { CallEnd } from "../protocol/messages.js";

/** Bytes of a guest's error that go to the main thread as they are. */
const ERROR_BYTES = 32 * 1024;
/** Values and keys of a longer error that are read; more would fill this thread's heap. */
const ERROR_VALUES = 65_536;
/** Characters of each text in a shortened error, and of its details as JSON; longer details are left out. */
const PART_MAX = 16_384;
const DETAILS_MAX = 65_536;

const UNREADABLE = encodeUtf8("an error that is too large, or nests too deep, to be read");

/** How a request ends when its params, from `paramsAt` on, are not JSON; null when they are. */
export function refusal(request: Uint8Array, paramsAt: number): CallEnd | null {
  const problem = problemOf(request.subarray(paramsAt, request.length - PARAMS_END_BYTES));
  return problem === null ? null : { kind: "refused", text: encodeUtf8(problem), memoryBytes: 0 };
}

/** A guest's answer to a request, which leaves this thread only as JSON. */
export function answerEnd(output: Uint8Array, memoryBytes: number): CallEnd {
  const problem = problemOf(output);
  if (problem === null) return { kind: "output", text: output, memoryBytes };
  return { kind: "invalid", text: encodeUtf8(problem), memoryBytes };
}

/** The output of any other export. */
export function outputEnd(output: Uint8Array, memoryBytes: number): CallEnd {
  if (isUtf8(output)) return { kind: "output", text: output, memoryBytes };
  return { kind: "invalid", text: encodeUtf8("its output is not UTF-8"), memoryBytes };
}

/** A guest's error, short enough for the main thread to parse. */
export function errorEnd(error: Uint8Array, memoryBytes: number): CallEnd {
  return { kind: "error", text: error.length > ERROR_BYTES ? shortened(error) : error, memoryBytes };
}

function problemOf(bytes: Uint8Array): string | null {
  if (bytes.length > LIMITS.messageBytes) return "it is over the size limit";
  if (!isUtf8(bytes)) return "it is not UTF-8";
  return jsonProblem(bytes, { depth: LIMITS.jsonDepth })?.problem ?? null;
}

function shortened(error: Uint8Array): Uint8Array {
  if (error.length > LIMITS.messageBytes) return UNREADABLE;
  const found: JsonProblem | null = jsonProblem(error, { depth: LIMITS.jsonDepth, values: ERROR_VALUES });
  // A guest of another language may set any text; its beginning is the message then.
  if (found?.reason === "syntax") return error.subarray(0, ERROR_BYTES);
  if (found) return UNREADABLE;
  const json: unknown = JSON.parse(decodeUtf8(error));
  if (typeof json !== "object" || json === null) return error.subarray(0, ERROR_BYTES);
  const parts = Object.entries(json).map(([name, part]): [string, unknown] => {
    if (typeof part === "string") return [name, part.slice(0, PART_MAX)];
    const { length } = JSON.stringify(part);
    return [name, length > DETAILS_MAX ? { omitted: `${name} over ${DETAILS_MAX} characters` } : part];
  });
  return encodeUtf8(JSON.stringify(Object.fromEntries(parts)));
}
