import { randomUUID } from "node:crypto";
import { maxHeaderSize, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { AspenError } from "@aspen/plugin-api";
import type { Logger } from "pino";
import { nodeErrors } from "../errors.js";
import { errorBody, JSON_TYPE } from "./error-body.js";

/** Longest time for the answer to leave before the connection is ended, in milliseconds. */
const LEAVE_MS = 1000;

/** Answers what Node's own parser refuses and no handler sees, in the shape of every other error. */
export class ClientErrors {
  /** Answers under way; a second one must not be written into them. */
  readonly #answers = new WeakMap<Socket, Set<ServerResponse>>();

  constructor(
    private readonly log: Logger,
    /** Longest time to receive a request, in milliseconds. */
    private readonly receiveMs: number,
  ) {}

  /** An answer to a request has begun to be made. */
  begin(socket: Socket, answer: ServerResponse): void {
    const answers = this.#answers.get(socket) ?? new Set();
    this.#answers.set(socket, answers.add(answer));
    answer.once("close", () => answers.delete(answer));
  }

  /** For a server's event `clientError`. */
  answer(cause: Error & { code?: string; reason?: string }, socket: Socket): void {
    // After the first answer the rest of what the client sends is of no interest.
    if (cause.code === "ECONNRESET" || !socket.writable) return;
    const error = this.#toAspenError(cause);
    const requestId = randomUUID();
    this.log.debug({ err: error, code: error.code, requestId }, "refused");
    for (const answer of this.#answers.get(socket) ?? []) {
      if (!answer.headersSent || answer.writableFinished) continue;
      socket.destroy();
      return;
    }
    const body = errorBody(error, requestId);
    const { http } = error.status;
    const head = [
      `HTTP/1.1 ${http} ${STATUS_CODES[http]}`,
      `content-type: ${JSON_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${requestId}`,
      "connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
    // A connection with unread data that is ended at once is reset, and its client may never see the answer.
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), LEAVE_MS);
    socket.once("close", () => clearTimeout(timer));
  }

  #toAspenError({ code, reason, message }: Error & { code?: string; reason?: string }): AspenError {
    if (code === "ERR_HTTP_REQUEST_TIMEOUT") return nodeErrors.requestTimeout(this.receiveMs);
    if (code === "HPE_HEADER_OVERFLOW") return nodeErrors.headersTooLarge(maxHeaderSize);
    return nodeErrors.badRequest((reason ?? message).slice(0, 256));
  }
}
