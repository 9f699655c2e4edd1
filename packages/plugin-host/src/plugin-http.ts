import { hostPermission, isPermitted, LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "./errors.js";
import type { OpenAnswer } from "./host-context/open-answer.js";
import type { PluginCall, PluginGrant } from "./host-context/plugin-call.js";
import type { PluginUsage } from "./limits/plugin-usage.js";
import { type GrantedAddress, OutboundClient, type OutboundOptions, type OutboundResponse } from "./outbound/index.js";

const FAMILY = "http:";
/** Ports of a permission that names none: those of the schemes. */
const STANDARD_PORTS = [80, 443];

export interface PluginHttpRequest {
  url: string;
  method: string | undefined;
  headers: readonly (readonly [string, string])[];
  redirect: "follow" | "error" | "manual";
  timeoutMs: number | undefined;
  body: Uint8Array | undefined;
}

/** What the node says of the HTTP requests of plugins. */
export type PluginHttpOptions = Pick<OutboundOptions, "resolve" | "certificates">;

interface PluginHttpParts extends PluginHttpOptions {
  /** Counts them against the plugin's limits. @default nothing does */
  readonly usage?: PluginUsage | undefined;
}

/** The HTTP requests of one plugin: to hosts that it was granted, by public addresses or by those that it was granted. */
export class PluginHttp {
  readonly #grant: PluginGrant;
  readonly #options: PluginHttpOptions;
  readonly #usage: PluginUsage | undefined;
  #client: OutboundClient | undefined;

  constructor(grant: PluginGrant, { usage, ...options }: PluginHttpParts = {}) {
    this.#grant = grant;
    this.#options = options;
    this.#usage = usage;
  }

  /**
   * The answer, once its headers are there.
   *
   * @param call from which it comes; its own time bounds this one's
   * @throws AspenError `PERMISSION_DENIED` for a host to which it is redirected; or as `OutboundClient.request`
   */
  async open(request: PluginHttpRequest, call: PluginCall, signal: AbortSignal): Promise<OpenAnswer> {
    const { url, method, headers, redirect, timeoutMs = LIMITS.httpTimeoutMs, body } = request;
    const left = call.deadline === undefined ? LIMITS.httpTimeoutMs : call.deadline - performance.now();
    this.#client ??= this.#open();
    const end = this.#usage?.beginRequest() ?? (() => undefined);
    try {
      const response = await this.#client.request(url, {
        method,
        headers,
        redirect,
        body,
        signal,
        timeoutMs: Math.max(1, Math.ceil(Math.min(timeoutMs, left))),
        assertAllowed: (asked) => this.#assertAllowed(asked),
      });
      return openAnswer(response, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Asked for each hop; for the first the gate of all host calls has asked already. */
  #assertAllowed(url: URL): void {
    const permission = `${FAMILY}${hostPermission(url)}`;
    const { permissions, plugin } = this.#grant;
    if (!isPermitted(permissions, permission)) throw hostErrors.permissionDenied(plugin, "http_open", permission);
  }

  #open(): OutboundClient {
    const granted = this.#grant.permissions.filter((one) => one.startsWith(FAMILY));
    return new OutboundClient({
      ...this.#options,
      addresses: granted.flatMap((one) => addressOf(one.slice(FAMILY.length)) ?? []),
      // The permission says which.
      ports: "any",
      redirects: LIMITS.httpRedirects,
      timeoutMs: LIMITS.httpTimeoutMs,
      requestBytes: LIMITS.httpRequestBytes,
      responseBytes: LIMITS.httpResponseBytes,
    });
  }
}

const ADDRESS = /^(?:\[([\da-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::(.*))?$/i;

/** What a permission opens beside the public internet; null when it names no address. */
function addressOf(host: string): string | GrantedAddress | null {
  const found = ADDRESS.exec(host);
  const network = found?.[1] ?? found?.[2];
  const port = found?.[3];
  if (network === undefined) return null;
  if (port === "*") return network;
  return { network, ports: port === undefined ? STANDARD_PORTS : [Number(port)] };
}

/** `end` is told when nothing more comes of it. */
function openAnswer(response: OutboundResponse, end: () => void): OpenAnswer {
  const body = response.body();
  return {
    status: response.status,
    url: response.url,
    headers: response.headers,
    async read() {
      try {
        const { done, value } = await body.next();
        if (done) end();
        return done ? null : value;
      } catch (error) {
        end();
        throw error;
      }
    },
    close() {
      end();
      void response[Symbol.asyncDispose]();
    },
  };
}
