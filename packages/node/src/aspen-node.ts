import { type Caller, type Dispatcher, inProcessClient, type RpcCallOptions, type RpcClient } from "@aspen/rpc-core";
import type { Logger } from "pino";
import { nodeErrors } from "./errors.js";

export interface InjectOptions extends RpcCallOptions {
  /** On whose behalf. @default LOCAL_CALLER */
  caller?: Caller;
}

/** A running node. */
export class AspenNode implements AsyncDisposable {
  #closing: Promise<void> | null = null;
  readonly #dispatcher: Pick<Dispatcher, "dispatch">;
  /** Calls its methods without HTTP. From the first moment of a stop it throws `NODE_UNREACHABLE`. */
  readonly client: RpcClient;

  constructor(
    /** Random for every start. */
    readonly id: string,
    /** Where its HTTP front listens. */
    readonly url: string,
    dispatcher: Pick<Dispatcher, "dispatch">,
    private readonly cleanup: AsyncDisposable,
    private readonly log: Logger,
  ) {
    this.#dispatcher = {
      dispatch: async (request, context) => {
        if (this.#closing) throw nodeErrors.stopping();
        return dispatcher.dispatch(request, context);
      },
    };
    this.client = inProcessClient(this.#dispatcher);
  }

  /** Calls a method in process; the same way as over HTTP from the dispatcher on. */
  inject(method: string, params?: unknown, { caller, ...options }: InjectOptions = {}): Promise<unknown> {
    const client = caller ? inProcessClient(this.#dispatcher, { caller }) : this.client;
    return client.call(method, params, options);
  }

  /** Lets requests end, accepts no more, stops the plugins, closes the store. Every call waits for the same end. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.cleanup[Symbol.asyncDispose]();
    this.log.info({ id: this.id }, "node stopped");
  }
}
