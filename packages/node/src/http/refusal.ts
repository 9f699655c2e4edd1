import { STATUS_CODES } from "node:http";
import { type AspenError, errorStatus } from "@aspen/plugin-api";
import { errorBody, JSON_TYPE } from "./error-body.js";

/** A refusal as the bytes of a whole answer, for connections on which there is no request to answer. */
export function refusalBytes(error: AspenError, requestId: string, headers: Record<string, string> = {}): string {
  const body = errorBody(error, requestId);
  const { http } = errorStatus(error);
  const lines = [
    `HTTP/1.1 ${http} ${STATUS_CODES[http]}`,
    `content-type: ${JSON_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
