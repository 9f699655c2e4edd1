import type { IncomingMessage } from "node:http";
import type { Authenticator, MountContext } from "@aspen/feature";
import { type Caller, grantsMethod } from "@aspen/rpc-core";
import { ConsulError } from "./consul-error.js";
import { durationMs } from "./duration.js";

const DEFAULT_WAIT_MS = 300_000;
const MOST_WAIT_MS = 600_000;

/** One request to Consul's API, as its routes see it. */
export class ConsulRequest {
  constructor(
    readonly method: string,
    /** Of the path behind `/v1`, decoded. */
    readonly path: readonly string[],
    readonly query: URLSearchParams,
    readonly caller: Caller,
    readonly signal: AbortSignal,
    readonly requestId: string,
    private readonly message: IncomingMessage,
  ) {}

  /** @throws ConsulError 403 unless the caller is granted the method */
  allow(method: string): void {
    if (!grantsMethod(this.caller.grants, method)) {
      throw new ConsulError(403, `Permission denied: token lacks permission '${method}'`);
    }
  }

  flag(name: string): boolean {
    const value = this.query.get(name);
    return value !== null && !["false", "0"].includes(value);
  }

  whole(name: string): number | undefined {
    const text = this.query.get(name);
    if (text === null || text === "") return undefined;
    if (!/^\d{1,16}$/.test(text)) throw new ConsulError(400, `Invalid ${name}: it must be a whole number`);
    return Number(text);
  }

  /** How long a blocking query waits, and for what; null for one that does not. */
  blocking(): { index: number; waitMs: number } | null {
    const index = this.whole("index");
    if (index === undefined || index === 0) return null;
    const text = this.query.get("wait");
    const waitMs = Math.min(text === null || text === "" ? DEFAULT_WAIT_MS : durationMs("wait", text), MOST_WAIT_MS);
    // So that the clients of one service do not come back at once.
    return { index, waitMs: waitMs + Math.random() * (waitMs / 16) };
  }

  async bytes(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.message) parts.push(part as Buffer);
    return Buffer.concat(parts);
  }

  /** @throws ConsulError 400 when the body is no object in JSON */
  async json(): Promise<Record<string, unknown>> {
    const text = (await this.bytes()).toString("utf8");
    if (text.trim() === "") return {};
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    } catch {
      // The same answer as for any other JSON.
    }
    throw new ConsulError(400, "Request decode failed: the body must be a JSON object");
  }
}

/** Reads the target and finds who asks. @throws ConsulError */
export async function consulRequest(
  message: IncomingMessage,
  { path, caller, signal, requestId }: MountContext,
  authenticators: readonly Authenticator[],
): Promise<ConsulRequest> {
  const query = new URL(message.url ?? "/", "http://consul").searchParams;
  const parts = decoded(path);
  const token = tokenOf(message, query);
  const bearer = authenticators.find(({ scheme }) => scheme === "bearer");
  if (token !== null && !bearer) throw new ConsulError(403, "ACL not found");
  const known = token === null ? caller : await bearer!.authenticate(token);
  if (known.kind === "anonymous") throw new ConsulError(403, "Permission denied: anonymous token lacks permission");
  return new ConsulRequest(message.method ?? "GET", parts, query, known, signal, requestId, message);
}

/** Consul's own header, or its older form in the query; what a client sends as `Authorization` the front has read. */
function tokenOf({ headersDistinct }: IncomingMessage, query: URLSearchParams): string | null {
  const sent = [...(headersDistinct["x-consul-token"] ?? []), ...query.getAll("token")].filter((one) => one !== "");
  if (new Set(sent).size > 1) throw new ConsulError(400, "Several tokens were sent");
  return sent[0] ?? null;
}

function decoded(path: string): string[] {
  try {
    return path.replace(/^\//, "").split("/").map(decodeURIComponent);
  } catch {
    throw new ConsulError(400, "The path cannot be decoded");
  }
}
