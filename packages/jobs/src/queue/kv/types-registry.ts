import { encodeUtf8 } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { assertJobType } from "../../options.js";
import type { JobKeys } from "./keys.js";
import { putRepeatably } from "./outcome.js";

/** Types that a worker of the cluster has registered, ever. Those that were seen once are remembered here. */
export class TypesRegistry {
  readonly #known = new Set<string>();

  constructor(
    private readonly kv: KeyValueStore,
    private readonly keys: JobKeys,
  ) {}

  /** @throws AspenError `INVALID_PARAMS` */
  async register(types: readonly string[]): Promise<void> {
    for (const type of types) assertJobType(type);
    await Promise.all(
      types.map(async (type) => {
        await putRepeatably(this.kv, this.keys.type(type), encodeUtf8("{}"));
        this.#known.add(type);
      }),
    );
  }

  async has(type: string): Promise<boolean> {
    if (!this.#known.has(type) && (await this.kv.get(this.keys.type(type)))) this.#known.add(type);
    return this.#known.has(type);
  }

  async list(): Promise<string[]> {
    const prefix = this.keys.types;
    const { entries } = await this.kv.scan({ prefix, keysOnly: true, limit: 10_000 });
    return entries.map(({ key }) => key.slice(prefix.length));
  }
}
