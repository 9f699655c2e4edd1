import { decodeDocument, LIMITS } from "@aspen/plugin-api/abi";
import { rpcErrors } from "../errors.js";
import { RemoteError } from "./remote-error.js";

/** Most bytes of an answer: the largest result, a text in which JSON writes each byte as six, is below it. */
const ANSWER_BYTES_MAX = 8 * LIMITS.messageBytes;

/** What was answered, as it came. */
export interface Answer {
  status: number;
  text: string;
}

/** @throws AspenError `PAYLOAD_TOO_LARGE`; what the connection fails with */
export async function readAnswer(method: string, response: Response): Promise<Answer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    size += part.value.length;
    if (size > ANSWER_BYTES_MAX) {
      await reader?.cancel();
      throw rpcErrors.answerTooLarge(method, ANSWER_BYTES_MAX);
    }
    parts.push(part.value);
  }
  return { status: response.status, text: decodeDocument(joined(parts, size)) };
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @throws AspenError what the node answered, or `NODE_UNREACHABLE` when it was no node that did */
export function resultOf(url: string, { status, text }: Answer): unknown {
  const answer = parse(text);
  if (status === 200 && answer !== undefined) return answer;
  const error = (answer as { error?: unknown } | null | undefined)?.error;
  if (typeof error !== "object" || error === null) throw rpcErrors.notANode(url, status);
  throw new RemoteError(error);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not an answer of a node; the caller says so.
    return undefined;
  }
}
