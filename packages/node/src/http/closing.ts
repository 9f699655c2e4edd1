import type { FastifyInstance } from "fastify";

/** Longest wait for answers that are already written to leave the machine. */
const FLUSH_MS = 1000;

/** Closes a server in two steps, between which requests under way are answered. */
export class Closing {
  #closed: Promise<unknown> | null = null;

  constructor(private readonly server: FastifyInstance) {}

  /** Accepts no more connections. */
  begin(): void {
    this.#closed ??= this.server.close();
  }

  /** Ends every connection that is left. */
  async finish(): Promise<void> {
    this.begin();
    this.server.server.closeIdleConnections();
    const timer = setTimeout(() => this.server.server.closeAllConnections(), FLUSH_MS);
    await this.#closed;
    clearTimeout(timer);
  }
}
