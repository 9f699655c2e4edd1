import { type AspenError, isAspenError } from "@aspen/plugin-api/abi";
import type { RpcClient } from "@aspen/rpc-core/remote";
import type { Registration } from "../methods.js";
import type { Instance } from "../records/instance.js";

export interface KeepOptions {
  /** Hears of heartbeats that fail; they are tried again. @default nobody does */
  onError?: (error: unknown) => void;
}

/** Milliseconds between two heartbeats of an instance that stays anyway. */
const STAYING_MS = 60_000;

/** An instance that is kept registered until it is disposed of, or somebody else has registered it. */
export class HeldRegistration implements AsyncDisposable {
  readonly #client: RpcClient;
  readonly #wanted: Registration;
  readonly #onError: (error: unknown) => void;
  readonly #fenced = new AbortController();
  #instance: Instance;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #over = false;
  /** A registration was sent whose answer did not come: what is there may be this very instance. */
  #unsure = false;

  private constructor(client: RpcClient, wanted: Registration, instance: Instance, { onError }: KeepOptions) {
    this.#client = client;
    // The first registration had to meet what was expected; a later one takes the place of this very one.
    const { expect: _expected, ...rest } = wanted;
    this.#wanted = rest;
    this.#instance = instance;
    this.#onError = onError ?? (() => undefined);
    this.#plan();
  }

  /** @throws AspenError what `service.register` throws */
  static async register(client: RpcClient, wanted: Registration, options: KeepOptions = {}): Promise<HeldRegistration> {
    const { instance } = await client.call("service.register", wanted);
    return new HeldRegistration(client, wanted, instance, options);
  }

  /** As it was registered last. */
  get instance(): Instance {
    return this.#instance;
  }

  /** Aborts, with `SERVICE_FENCED`, when somebody else has registered the instance: it is theirs from then on. */
  get fenced(): AbortSignal {
    return this.#fenced.signal;
  }

  /** Deregisters it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    await this.#beating;
    if (this.#fenced.signal.aborted) return;
    const { service, id, fencingToken } = this.#instance;
    try {
      await this.#client.call("service.deregister", { service, id, fencingToken });
    } catch (error) {
      // Whoever has it now keeps it; without a node it expires.
      this.#onError(error);
    }
  }

  #plan(): void {
    if (this.#over) return;
    const ms = (this.#instance.ttlMs ?? STAYING_MS) / 3;
    this.#timer = setTimeout(() => {
      this.#beating = this.#beat().finally(() => this.#plan());
    }, ms);
    this.#timer.unref();
  }

  async #beat(): Promise<void> {
    const { service, id, fencingToken, ttlMs } = this.#instance;
    const timeoutMs = Math.max(1000, (ttlMs ?? STAYING_MS) / 3);
    try {
      await this.#client.call("service.heartbeat", { service, id, fencingToken }, { timeoutMs });
    } catch (error) {
      const code = isAspenError(error) ? error.code : null;
      const replaced = code === "SERVICE_FENCED";
      if (replaced && !this.#unsure) return this.#lost(error as AspenError);
      this.#onError(error);
      if (replaced || code === "SERVICE_NOT_FOUND") await this.#again(timeoutMs);
    }
  }

  /** It had expired, as while no node could be reached. */
  async #again(timeoutMs: number): Promise<void> {
    try {
      const wanted = this.#unsure ? this.#wanted : { ...this.#wanted, expect: "absent" as const };
      this.#instance = (await this.#client.call("service.register", wanted, { timeoutMs })).instance;
      this.#unsure = false;
    } catch (error) {
      if (isAspenError(error) && error.code === "SERVICE_CONFLICT") return this.#lost(error);
      this.#unsure = true;
      this.#onError(error);
    }
  }

  #lost(error: AspenError): void {
    this.#over = true;
    this.#fenced.abort(error);
  }
}
