import { handlePatternMatches } from "@aspen/plugin-api";
import { type DescribedAccess, describeAccess } from "./access.js";
import { rpcErrors } from "./errors.js";
import { type MethodDescription, PRIORITY_RANGES, type RequestHandler } from "./handler.js";

/** A method that never reaches its handler, because an earlier one answers it. */
export interface ShadowedMethod {
  /** The method, or `prefix.*`, that does not reach its handler. */
  method: string;
  /** Name of the handler that answers it. */
  by: string;
  priority: number;
}

/** A method as `rpc.describe` shows it. */
export interface DescribedMethod extends MethodDescription {
  readonly access: DescribedAccess;
  readonly safe: boolean;
  readonly streams: boolean;
  handler: string;
  priority: number;
}

/** The handlers of a node, by ascending priority, then in the order they were registered. */
export class HandlerRegistry {
  #handlers: readonly RequestHandler[] = [];
  readonly #listeners = new Set<() => void>();

  /**
   * Adds a handler; returns what removes it again. Registering a successor of the same priority before
   * the predecessor is removed leaves no moment without a handler.
   *
   * @throws AspenError `CONFIG_INVALID` when it is no handler, or its priority is in none of `PRIORITY_RANGES`
   */
  register(handler: RequestHandler): () => void {
    assertHandler(handler);
    assertPriority(handler);
    const at = this.#handlers.findIndex(({ priority }) => priority > handler.priority);
    this.#handlers = this.#handlers.toSpliced(at < 0 ? this.#handlers.length : at, 0, handler);
    this.#tell();
    let registered = true;
    return () => {
      if (!registered) return;
      registered = false;
      this.#handlers = this.#handlers.toSpliced(this.#handlers.indexOf(handler), 1);
      this.#tell();
    };
  }

  /** Calls `listener` after each handler that came or went; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The handler that answers `method`, or null. */
  find(method: string): RequestHandler | null {
    return this.#handlers.find((handler) => handler.canHandle(method)) ?? null;
  }

  /** In the order they are asked. */
  list(): readonly RequestHandler[] {
    return this.#handlers;
  }

  /** The methods of `candidate`, registered or not, that an earlier handler answers in its place. */
  shadowed(candidate: Pick<RequestHandler, "priority" | "methods">): ShadowedMethod[] {
    const position = this.#handlers.indexOf(candidate as RequestHandler);
    const earlier =
      position >= 0
        ? this.#handlers.slice(0, position)
        : this.#handlers.filter(({ priority }) => priority <= candidate.priority);
    return candidate.methods.flatMap(({ method }) => earlier.flatMap((handler) => overlap(method, handler)));
  }

  /** Every method that reaches a handler, in the order of the handlers. */
  describe(): DescribedMethod[] {
    return this.#handlers.flatMap((handler) =>
      handler.methods
        .filter(({ method }) => method.endsWith(".*") || this.find(method) === handler)
        .map((description) => ({
          access: describeAccess(description.method),
          safe: false,
          streams: false,
          ...description,
          handler: handler.name,
          priority: handler.priority,
        })),
    );
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function overlap(method: string, earlier: RequestHandler): ShadowedMethod[] {
  const { name: by, priority } = earlier;
  if (!method.endsWith(".*")) return earlier.canHandle(method) ? [{ method, by, priority }] : [];
  return earlier.methods.flatMap(({ method: other }) => {
    if (other.endsWith(".*") && method.startsWith(other.slice(0, -1))) return [{ method, by, priority }];
    const within = other.endsWith(".*") ? other.startsWith(method.slice(0, -1)) : handlePatternMatches(method, other);
    return within ? [{ method: other, by, priority }] : [];
  });
}

/** One that is none would fail every request, as it is asked for each. */
function assertHandler(handler: RequestHandler): void {
  const { name, methods, canHandle, handle } = handler ?? {};
  if (typeof name !== "string") throw rpcErrors.handlerInvalid(String(name), "it has no name");
  if (!Array.isArray(methods)) throw rpcErrors.handlerInvalid(name, "it lists no methods");
  const missing = Object.entries({ canHandle, handle }).find(([, its]) => typeof its !== "function");
  if (missing) throw rpcErrors.handlerInvalid(name, `it has no function ${missing[0]}`);
}

function assertPriority({ name, priority }: RequestHandler): void {
  const ranges = Object.values(PRIORITY_RANGES);
  if (Number.isInteger(priority) && ranges.some(([from, to]) => priority >= from && priority <= to)) return;
  throw rpcErrors.priorityOutOfRange(name, priority, ranges.map(([from, to]) => `${from}-${to}`).join(", "));
}
