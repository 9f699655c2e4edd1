import { type Clock, systemClock } from "@aspen/feature";
import { eventOp } from "@aspen/layers";
import { AspenError, allowedKvPrefixes, cut, type PluginManifest } from "@aspen/plugin-api";
import { spanned } from "@aspen/rpc-core";
import { assertKeyAllowed, assertScanPrefixAllowed } from "@aspen/storage";
import { PluginTimers } from "../background/plugin-timers.js";
import type { HostCost } from "../limits/plugin-usage.js";
import { PluginHttp } from "../plugin-http.js";
import { PluginRpc } from "../plugin-rpc.js";
import { PluginSigner } from "../plugin-signer.js";
import { DenialLimit } from "./denial-limit.js";
import { guard } from "./guard.js";
import type { CallScope, DeniedEvent, HostServices, MainServices } from "./host-function.js";
import type { PluginCall, PluginGrant } from "./plugin-call.js";
import { encodeError, encodeResult } from "./results.js";

export function grantOf(manifest: Pick<PluginManifest, "name" | "permissions" | "kv_prefixes">): PluginGrant {
  return {
    plugin: manifest.name,
    permissions: [...manifest.permissions],
    kvPrefixes: [...allowedKvPrefixes(manifest)],
  };
}

/** Everything a plugin can reach on this node. Every tier's host calls land here. */
export class PluginHostContext implements CallScope {
  readonly grant: PluginGrant;
  readonly #services: MainServices;
  readonly #denials = new DenialLimit((event) => this.services.onDenied?.(event));

  constructor(
    manifest: Pick<PluginManifest, "name" | "permissions" | "kv_prefixes" | "execution_timeout_ms">,
    private readonly services: HostServices,
    readonly config: Record<string, unknown> = {},
  ) {
    this.grant = grantOf(manifest);
    this.#services = {
      ...services,
      eventOp,
      signer: new PluginSigner(services.kv),
      http: new PluginHttp(this.grant, { ...services.outbound, usage: services.usage }),
      invoke: (name, args, call) => this.invoke(name, args, call),
      streamCount: { open: 0 },
      rpc: new PluginRpc({ dispatcher: services.dispatcher, executionTimeoutMs: manifest.execution_timeout_ms }),
      timers: new PluginTimers({ kv: services.kv, plugin: manifest.name, clock: this.clock }),
    };
  }

  /** The time of day, for the plugin. */
  get clock(): Clock {
    return this.services.clock ?? systemClock;
  }

  get allowedKvPrefixes(): readonly string[] {
    return this.grant.kvPrefixes;
  }

  /** @throws AspenError `KV_NAMESPACE_DENIED` */
  validateKeyPrefix(key: string): void {
    assertKeyAllowed(this.grant.kvPrefixes, key);
  }

  /** @throws AspenError `KV_NAMESPACE_DENIED` */
  validateScanPrefix(prefix: string): void {
    assertScanPrefixAllowed(this.grant.kvPrefixes, prefix);
  }

  /**
   * One host call: encoded parameters in, tagged result bytes out. `call` is where it comes from; a span of it is below
   * the call's. Never rejects.
   */
  async invoke(name: string, args: readonly (Uint8Array | null)[], call: PluginCall = {}): Promise<Uint8Array> {
    this.services.measures?.hostCall(this.grant.plugin, name);
    try {
      const attributes = { "aspen.host_function": cut(name) };
      return await spanned(call.trace, "host call", { attributes }, async (trace) => {
        const { spec, implementation, prepared } = guard(this, name, args, (event) => this.#denials.add(event));
        const cost = implementation.cost?.(prepared) ?? {};
        this.#count(call, cost, args);
        const result = await implementation.run(this.#services, prepared, this, { ...call, trace });
        const encoded = encodeResult(spec.result, result);
        if (cost.kvOps) this.services.usage?.kvResult(encoded.length);
        return encoded;
      });
    } catch (error) {
      const known = AspenError.from(error);
      this.#reportLimit(name, known);
      call.given?.add(known.code);
      return encodeError(known);
    }
  }

  #count({ state }: PluginCall, cost: HostCost, args: readonly (Uint8Array | null)[]): void {
    if (state) state.hostCalls += 1;
    const bytes = args.reduce((sum, arg) => sum + (arg?.length ?? 0), 0);
    this.services.usage?.hostCall(state?.hostCalls ?? 1, cost, bytes);
  }

  /** What another plugin says of its own limits is not this one's. */
  #reportLimit(name: string, error: AspenError): void {
    if (name === "rpc_call") return;
    if (error.code === "TOO_MANY_TIMERS") this.services.measures?.limited(this.grant.plugin, "timers");
    if (error.code !== "RATE_LIMITED" && error.code !== "LIMIT_EXCEEDED") return;
    this.services.measures?.limited(this.grant.plugin, String(error.details?.limit));
  }

  /** A call of the plugin waited so long for an instance. */
  reportWait(ms: number): void {
    this.services.measures?.waited(this.grant.plugin, ms);
  }

  /** An instance of the plugin ended before its time, and is replaced. */
  reportRestart(): void {
    this.services.measures?.restarted(this.grant.plugin);
  }

  /** Counts host calls that a worker has served itself. */
  countLocal(counts: readonly (readonly [name: string, times: number])[]): void {
    for (const [name, times] of counts) this.services.measures?.hostCall(this.grant.plugin, name, times);
  }

  /** Reports denials that a worker decided by the same rules. */
  reportDenied(event: Omit<DeniedEvent, "plugin">): void {
    this.#denials.add({ ...event, plugin: this.grant.plugin });
  }
}
