import type { Caller } from "./caller.js";
import type { JsonBytes } from "./json-bytes.js";

/** One request, as it enters the dispatcher. */
export interface RpcRequest {
  /** Dotted name, such as `kv.get`. */
  method: string;
  /** A JSON value, or {@link JsonBytes}; a handler gets those only when it takes them. */
  params: unknown;
}

/** What travels with a request. */
export interface RequestContext {
  requestId: string;
  /** Who asks. @default nobody who is known: `anonymous` without grants */
  caller?: Caller;
  /** Aborted when the caller is gone or the deadline has passed. */
  signal: AbortSignal;
  /**
   * Time by which the caller wants the answer, on the clock of this process's `performance.now()`: nobody sets that
   * one. Between processes the milliseconds that are left have to travel. @default none
   */
  deadline?: number;
  /** The caller also takes a result as `JsonBytes`, such as a front that would write it as JSON again. @default false */
  takesJsonBytes?: boolean;
}

/** Answers requests. `kv.get` and friends in `@aspen/node` are the examples to copy. */
export interface RequestHandler {
  readonly name: string;
  /** The lowest that can handle a method answers it. Ranges: `PRIORITY_RANGES`. */
  readonly priority: number;
  /** Methods and `prefix.*` patterns it serves, for `rpc.describe`. */
  readonly methods: readonly MethodDescription[];
  /**
   * It takes params as {@link JsonBytes} where they came so, and sees to what they are. For any other handler they
   * are parsed within the limits of `parseParams`. @default false
   */
  readonly takesJsonBytes?: boolean;
  canHandle(method: string): boolean;
  /**
   * The result may be {@link JsonBytes} for a caller that takes them.
   *
   * @throws AspenError; anything else thrown becomes `INTERNAL`.
   */
  handle(request: RpcRequest, context: RequestContext): Promise<unknown>;
}

export interface MethodDescription {
  method: string;
  summary?: string;
  /** JSON Schema of the params, when known. */
  params?: unknown;
}

/** Makes a handler at start; null when its feature is off. */
export interface HandlerFactory {
  readonly name: string;
  readonly priority: number;
  create(): RequestHandler | null | Promise<RequestHandler | null>;
}

/** Who may register at which priority (inclusive). A priority outside every range is refused. */
export const PRIORITY_RANGES = {
  core: [100, 199],
  essential: [200, 299],
  infrastructure: [300, 399],
  feature: [500, 699],
  extension: [800, 899],
  plugin: [900, 999],
} as const;
