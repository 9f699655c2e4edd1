import { LIMITS } from "@aspen/plugin-api";
import type { DescribedAccess } from "./access.js";
import type { Method } from "./method.js";
import type { RequestContext, RpcRequest } from "./request.js";

/** Answers requests. `kv.get` and friends in `@aspen/node` are the examples to copy. */
export interface RequestHandler {
  readonly name: string;
  /** The lowest that can handle a method answers it. Ranges: `PRIORITY_RANGES`. */
  readonly priority: number;
  /** Methods and `prefix.*` patterns it serves, for `rpc.describe`. */
  readonly methods: readonly MethodDescription[];
  /**
   * It takes params as `JsonBytes` where they came so, and sees to what they are. For any other handler they
   * are parsed within the limits of `parseParams`. @default false
   */
  readonly takesJsonBytes?: boolean;
  /** False while it could only refuse: the node then asks another one that serves the method. @default true */
  readonly available?: boolean;
  canHandle(method: string): boolean;
  /**
   * The schemas and the access of a method, for middleware. Without it, or when it knows none, callers need to be
   * granted the method's name.
   */
  method?(name: string): Method | undefined;
  /**
   * The result may be `JsonBytes` for a caller that takes them.
   *
   * @throws AspenError; anything else thrown becomes `INTERNAL`.
   */
  handle(request: RpcRequest, context: RequestContext): Promise<unknown>;
}

export interface MethodDescription {
  /** Name, or `prefix.*`. */
  readonly method: string;
  readonly summary?: string;
  /** It only reads; see `MethodOptions.safe`. @default false */
  readonly safe?: boolean;
  /** It gives its result as a stream to who takes one; see `MethodOptions.stream`. @default false */
  readonly streams?: boolean;
  /** @default the method's name must be granted */
  readonly access?: DescribedAccess;
  /** JSON Schema of the params, when known. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** JSON Schema of the result, when known. */
  readonly result?: Readonly<Record<string, unknown>> | undefined;
  /** JSON Schema of one item of a stream, when known. */
  readonly item?: Readonly<Record<string, unknown>> | undefined;
}

/** Makes a handler at start; null when its feature is off. `methodsHandlerFactory` makes one of a table of methods. */
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
  plugin: [LIMITS.pluginPriorityMin, LIMITS.pluginPriorityMax],
} as const;
