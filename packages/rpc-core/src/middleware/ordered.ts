import type { Middleware } from "./middleware.js";

/** A middleware, and where it stands among others that it knows nothing of. */
export interface OrderedMiddleware {
  readonly name: string;
  /** The lowest is the outermost; those of the same order stand as they are given. */
  readonly order: number;
  readonly handle: Middleware;
}

/** For a dispatcher: the outermost first. */
export function inOrder(middleware: readonly OrderedMiddleware[]): Middleware[] {
  return middleware.toSorted((one, other) => one.order - other.order).map(({ handle }) => handle);
}
