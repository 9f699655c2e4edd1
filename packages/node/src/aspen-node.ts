import type { RpcCallOptions, RpcClient } from "@aspen/rpc-core";
import type { Logger } from "pino";

/** A running node. */
export class AspenNode implements AsyncDisposable {
  #closing: Promise<void> | null = null;

  constructor(
    /** Random for every start. */
    readonly id: string,
    /** Where its HTTP front listens. */
    readonly url: string,
    /** Calls its methods without HTTP. */
    readonly client: RpcClient,
    private readonly cleanup: AsyncDisposable,
    private readonly log: Logger,
  ) {}

  /** Calls a method in process; the same way as over HTTP from the dispatcher on. */
  inject(method: string, params?: unknown, options?: RpcCallOptions): Promise<unknown> {
    return this.client.call(method, params, options);
  }

  /** Accepts no more, lets requests end, stops the plugins, closes the store. Every call waits for the same end. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.cleanup[Symbol.asyncDispose]();
    this.log.info({ id: this.id }, "node stopped");
  }
}
