import { createReadStream } from "node:fs";
import { isAspenError, LIMITS } from "@aspen/plugin-api";
import type { WireValue } from "@aspen/rpc-core/remote";
import { cliErrors } from "./errors.js";

/**
 * A file's bytes; those of stdin for `-`.
 * @throws AspenError `PAYLOAD_TOO_LARGE` over `limit` bytes: a node closes the connection on what it does not take
 */
export async function readInput(path: string, limit: number = LIMITS.messageBytes): Promise<Uint8Array> {
  const stream = path === "-" ? process.stdin : createReadStream(path);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limit) throw cliErrors.tooLarge(path === "-" ? "stdin" : path, bytes, limit);
      chunks.push(chunk);
    }
  } catch (error) {
    throw isAspenError(error) ? error : cliErrors.file(path, error);
  }
  return Buffer.concat(chunks);
}

/** Reads JSON; a byte-order mark in front of it is ignored, as RFC 8259 allows. */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw cliErrors.notJson(what, error instanceof Error ? error.message : String(error));
  }
}

/** A value for people: its text, or its base64 marked as such. */
export function wireToText(value: WireValue): string {
  return typeof value === "string" ? value : `base64:${value.base64}`;
}
