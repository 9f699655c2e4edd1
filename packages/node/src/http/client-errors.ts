import { randomUUID } from "node:crypto";
import { maxHeaderSize } from "node:http";
import type { Socket } from "node:net";
import type { AspenError } from "@aspen/plugin-api";
import type { Logger } from "pino";
import { nodeErrors } from "../errors.js";
import type { Connections } from "./connections.js";
import { refusalBytes } from "./refusal.js";

/** Answers what Node's own parser refuses and no handler sees, in the shape of every other error. */
export class ClientErrors {
  readonly #refused = new WeakSet<Socket>();

  constructor(
    private readonly connections: Connections,
    private readonly log: Logger,
    /** Longest time to receive a request, in milliseconds. */
    private readonly receiveMs: number,
  ) {}

  /** For a server's event `clientError`. */
  async answer(cause: Error & { code?: string; reason?: string }, socket: Socket): Promise<void> {
    const connection = this.connections.of(socket);
    // A handshake that failed: nothing can be said on such a connection.
    if (!connection) return void socket.destroy();
    // After the first answer the rest of what the client sends is of no interest.
    if (cause.code === "ECONNRESET" || this.#refused.has(socket)) return;
    this.#refused.add(socket);
    // Requests before it that were sound are answered first: otherwise this would be taken for their answer.
    await connection.answered();
    if (!socket.writable) return;
    const error = this.#toAspenError(cause);
    const requestId = randomUUID();
    this.log.debug({ err: error, code: error.code, requestId }, "refused");
    const begun = connection.exchanges.some(({ response }) => response.headersSent && !response.writableFinished);
    if (begun) socket.destroy();
    else connection.end(refusalBytes(error, requestId));
  }

  #toAspenError({ code, reason, message }: Error & { code?: string; reason?: string }): AspenError {
    if (code === "ERR_HTTP_REQUEST_TIMEOUT") return nodeErrors.requestTimeout(this.receiveMs);
    if (code === "HPE_HEADER_OVERFLOW") return nodeErrors.headersTooLarge(maxHeaderSize);
    return nodeErrors.badRequest((reason ?? message).slice(0, 256));
  }
}
