import { type Clock, systemClock } from "@aspen/feature";
import type { EventInput } from "@aspen/layers";
import type { Dispatcher } from "@aspen/rpc-core";
import type { BlobStore, KeyValueStore, Op, SyncKvReader } from "@aspen/storage";
import type { PluginTimers } from "../background/plugin-timers.js";
import type { HostPorts } from "../host-ports.js";
import type { HostCost, PluginUsage } from "../limits/plugin-usage.js";
import type { PluginHttp, PluginHttpOptions } from "../plugin-http.js";
import type { PluginRpc } from "../plugin-rpc.js";
import type { PluginSigner } from "../plugin-signer.js";
import type { StreamCount } from "./blob-streams.js";
import type { PluginCall, PluginGrant } from "./plugin-call.js";

export interface PluginLogger {
  log(
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields?: Record<string, unknown>,
    /** Id of the request that the plugin was answering. */
    requestId?: string,
  ): void;
}

/** What the host functions work on in the main thread. */
export interface HostServices {
  kv: KeyValueStore;
  blobs: BlobStore;
  logger: PluginLogger;
  /** The time of day, for plugins. @default `systemClock` */
  clock?: Clock;
  /** What features give to host functions. @default none */
  ports?: Partial<HostPorts>;
  /** Brings a plugin's own calls to their handlers. @default none: it cannot call */
  dispatcher?: Pick<Dispatcher, "dispatch"> | undefined;
  /** How it asks other hosts. @default DNS, and the certificates that Node trusts */
  outbound?: PluginHttpOptions | undefined;
  /** What the plugin does on this node, against its limits. @default it has none */
  usage?: PluginUsage | undefined;
  /** What is measured of the plugin. @default nothing */
  measures?: HostMeasures | undefined;
  /** Gets denials, at most 100 a second from each thread, to count and to log them. */
  onDenied?(event: DeniedEvent): void;
}

/** How telling a plugin of an event went: it took it, is told again, or it is dead. */
export type EventOutcome = "delivered" | "retried" | "dead";
/** How a tick went; one that went well and began more than a second after its time is late. */
export type TickOutcome = "fired" | "late" | "failed";

/** What a plugin's host is told to measure. */
export interface HostMeasures {
  /** @param times how many of them, where they are counted together. @default 1 */
  hostCall(plugin: string, name: string, times?: number): void;
  /** A call waited for an instance. */
  waited(plugin: string, ms: number): void;
  /** An instance ended before its time. */
  restarted(plugin: string): void;
  /** It met a limit, and was refused. */
  limited(plugin: string, limit: string): void;
  /** A plugin was told of an event that was emitted so long ago; null for one that is told again. */
  event(plugin: string, outcome: EventOutcome, lagMs: number | null): void;
  /** A timer of a plugin ticked. */
  tick(plugin: string, outcome: TickOutcome): void;
}

export interface DeniedEvent {
  plugin: string;
  hostFunction: string;
  code: string;
  /** The key, prefix or permission, at most 256 characters of it. */
  target?: string;
  /** Denials that it stands for: itself and those that were left out before it. */
  count: number;
}

/** The same, with what this package itself gives; a plugin's own thread loads none of it. */
export interface MainServices extends HostServices {
  /** @throws AspenError as `eventOp` of `@aspen/layers` */
  eventOp(namespace: string, event: EventInput): Op;
  timers: PluginTimers;
  rpc: PluginRpc;
  http: PluginHttp;
  /** Another host call of the same plugin. Never rejects. */
  invoke(name: string, args: readonly (Uint8Array | null)[], call: PluginCall): Promise<Uint8Array>;
  signer: PluginSigner;
  streamCount: StreamCount;
}

/** What the host functions work on in a plugin's own worker thread. */
export interface LocalServices {
  reader: SyncKvReader | null;
  /** Null when the node's is in the main thread. */
  clock: Clock | null;
}

/** What a host function gives back; encoded as its row of the ABI table says. `null`: not found. */
export type HostResult =
  | null
  | undefined
  | boolean
  | number
  | string
  | Uint8Array
  | { version: number; value: Uint8Array }
  | { header: unknown; attachments: Uint8Array[] };

export interface CallScope {
  grant: PluginGrant;
  config: Record<string, unknown>;
}

/**
 * One host function. The caller checks the permission first. Then `prepare` decodes the parameters and checks namespace
 * and limits, for both ways of running.
 */
export interface HostFunction<P> {
  /** @throws AspenError; anything else means malformed parameters */
  prepare(scope: CallScope, args: readonly (Uint8Array | null)[]): P;
  /** What it counts as against the plugin's limits. @default a host call and no more */
  cost?(prepared: P): HostCost;
  run(services: MainServices, prepared: P, scope: CallScope, call: PluginCall): Promise<HostResult>;
  /** Without waiting, in the worker's own thread; `LOCAL_UNAVAILABLE` sends it to the main thread. */
  runLocally?(services: LocalServices, prepared: P, scope: CallScope): HostResult | typeof LOCAL_UNAVAILABLE;
}

export const LOCAL_UNAVAILABLE = Symbol("not in this thread");

/**
 * A host function that needs nothing but its parameters, the call's scope and the time, and answers at once in any thread
 * that has the node's clock.
 */
export interface ImmediateHostFunction<P> extends HostFunction<P> {
  runLocally(services: LocalServices, prepared: P, scope: CallScope): HostResult | typeof LOCAL_UNAVAILABLE;
}

/** Fixes the parameter type of a host function between its three parts. */
export function defineHostFunction<P>(definition: HostFunction<P>): HostFunction<P> {
  return definition;
}

/** A host function that `answer` serves in every thread. */
export function defineImmediate<P>(
  prepare: HostFunction<P>["prepare"],
  answer: (prepared: P, scope: CallScope, clock: Clock) => HostResult,
): ImmediateHostFunction<P> {
  return {
    prepare,
    run: async ({ clock = systemClock }, prepared, scope) => answer(prepared, scope, clock),
    runLocally: ({ clock }, prepared, scope) => (clock ? answer(prepared, scope, clock) : LOCAL_UNAVAILABLE),
  };
}
