/**
 * The ABI of a plugin that runs in a process of Node, as the native tier runs it: the exports and host functions of
 * the WASM ABI, called as functions. The SDK in the plugin and the host may come from different copies of their
 * packages, so they share nothing but the two symbols of this file. @module
 */
import type { GuestCaller, GuestExport } from "./exports.js";
import type { HostFunctionName } from "./host-functions.js";

/** Property of a plugin's definition: a {@link GuestFactory}. */
export const GUEST: unique symbol = Symbol.for("@aspen/plugin-api Guest");

/** Property of `globalThis`: {@link NativeHosts}, when a host has run a plugin in this process. */
export const NATIVE_HOSTS: unique symbol = Symbol.for("@aspen/plugin-api NativeHosts");

/** What a plugin says of itself beside its handlers; from its plugin.json. */
export interface GuestIdentity {
  name: string;
  version: string;
  api_version: string;
}

/** Connects a plugin's definition with whatever serves it. */
export type GuestFactory = (identity: GuestIdentity) => Guest;

/** A plugin as it is served: its exports, and how what they return and throw becomes JSON. */
export interface Guest {
  /** Each takes what parses the call's input, for those that have one. What it returns may be a promise. */
  readonly exports: Readonly<Partial<Record<GuestExport, (input: () => unknown) => unknown>>>;
  /** A result as JSON; `ok` is false when it cannot be sent, and the text is an error as `GuestErrorJson`. */
  resultText(result: unknown): { ok: boolean; text: string };
  /** What was thrown, as `GuestErrorJson`. Never throws. */
  errorText(thrown: unknown): string;
}

/** What answers the host calls of one call of a plugin. */
export interface NativeHost {
  /**
   * One host call: encoded parameters (null: absent) in, tagged result bytes out. Never throws or rejects.
   * What is `immediate` in the ABI table is answered without waiting; a log record is taken in the order of the calls.
   */
  call(name: HostFunctionName, args: readonly (Uint8Array | null)[]): Uint8Array | Promise<Uint8Array>;
}

/** Says which host the running code belongs to: an `AsyncLocalStorage` of Node, entered around each call of a plugin. */
export interface NativeHosts {
  getStore(): NativeHost | undefined;
}

/** The input of `handle_request` in this process. */
export interface NativeRequest {
  method: string;
  params: unknown;
  requestId: string;
  caller: GuestCaller;
  /** Aborts when the call is over for its caller: at its deadline, when it is cancelled, when the plugin is stopped. */
  signal: AbortSignal;
}
