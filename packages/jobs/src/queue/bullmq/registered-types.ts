import { assertJobType } from "../../options.js";
import type { BullMqConnection } from "./connection.js";

/** Types that a worker of the cluster has registered, ever. Those that were seen once are remembered here. */
export class RegisteredTypes {
  readonly #known = new Set<string>();

  constructor(private readonly bull: BullMqConnection) {}

  /** @throws AspenError `INVALID_PARAMS` */
  async register(types: readonly string[]): Promise<void> {
    for (const type of types) assertJobType(type);
    if (types.length === 0) return;
    await this.bull.call("SADD", this.bull.names.types, ...types);
    for (const type of types) this.#known.add(type);
  }

  async has(type: string): Promise<boolean> {
    if (!this.#known.has(type) && (await this.bull.call("SISMEMBER", this.bull.names.types, type)) === 1) {
      this.#known.add(type);
    }
    return this.#known.has(type);
  }

  async list(): Promise<string[]> {
    return ((await this.bull.call("SMEMBERS", this.bull.names.types)) as string[]).sort();
  }
}
