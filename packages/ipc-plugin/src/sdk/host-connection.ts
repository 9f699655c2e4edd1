import { AspenError, errorResult, type HostFunctionName, isImmediate, type NativeHost } from "@aspen/plugin-api/abi";
import { LocalHostContext } from "@aspen/plugin-host/local";
import type { Connection } from "../rpc/connection.js";
import type { HostCallReply, HostCallRequest, InfoRequest } from "../rpc/messages.js";
import { Host } from "../rpc/services.js";

/** What one call of the plugin reaches of the host. */
export class RemoteHost implements NativeHost {
  readonly #logged = new Set<Promise<Uint8Array>>();

  constructor(
    private readonly id: string,
    private readonly connection: Promise<Connection>,
    private readonly local: LocalHostContext,
  ) {}

  call(name: HostFunctionName, args: readonly (Uint8Array | null)[]): Uint8Array | Promise<Uint8Array> {
    if (isImmediate(name)) return this.local.invoke(name, args)!;
    const answer = this.#ask(name, args);
    if (name === "log_write") {
      this.#logged.add(answer);
      void answer.then(() => this.#logged.delete(answer));
    }
    return answer;
  }

  /** What it said comes before its answer. */
  async logged(): Promise<void> {
    await Promise.all(this.#logged);
  }

  async #ask(name: string, args: readonly (Uint8Array | null)[]): Promise<Uint8Array> {
    const request: HostCallRequest = {
      call_id: this.id,
      name,
      arguments: args.map((bytes) => (bytes ? { present: bytes } : { absent: true })),
    };
    try {
      const connection = await this.connection;
      return (await connection.unary<HostCallRequest, HostCallReply>(Host.service.Call!, request)).result;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return errorResult(new AspenError("PLUGIN_UNAVAILABLE", `${name}: the node did not answer: ${problem}`));
    }
  }
}

/** Answers what needs no other process. */
export function localContext({ name, config, permissions, kv_prefixes }: InfoRequest): LocalHostContext {
  return new LocalHostContext({
    grant: { plugin: name, permissions, kvPrefixes: kv_prefixes },
    config: JSON.parse(config) as Record<string, unknown>,
    clock: { now: Date.now },
    reader: null,
  });
}
