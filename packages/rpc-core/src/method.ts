import type { MethodAccess } from "./access.js";
import type { RequestContext } from "./request.js";
import type { InputOf, OutputOf, StandardSchema } from "./standard-schema.js";

/** One method of a handler. Make it with {@link method}, which infers the types from the schemas. */
export interface Method<Params = unknown, Result = unknown> {
  readonly summary: string;
  readonly access: MethodAccess;
  /** See {@link MethodOptions.safe}. */
  readonly safe: boolean;
  readonly params: StandardSchema;
  readonly result?: StandardSchema;
  /** See {@link MethodOptions.stream}. */
  readonly stream?: MethodStream;
  /** Gets params that `params` has validated. */
  handle(params: unknown, context: RequestContext): Result | Promise<Result>;
  /** For types alone: what callers send and get. */
  readonly types?: { readonly params: Params; readonly result: Result };
}

/** How a method gives its result piece by piece. */
export interface MethodStream<Params = unknown, Item = unknown> {
  /** Schema of one item, as {@link MethodOptions.result} is that of the whole. @default unknown to callers */
  readonly item?: StandardSchema<Item>;
  /**
   * Gives the items in lists, each as many as it has at hand; the next list is asked for when the caller has taken the
   * one before. The signal of the context aborts when nobody waits any more. What it throws ends the stream.
   */
  items(params: Params, context: RequestContext): AsyncIterable<readonly Item[]>;
}

export interface MethodOptions<Params extends StandardSchema, Result extends StandardSchema> {
  /** One sentence on what it does. */
  summary: string;
  /** Any Standard Schema (zod, valibot, arktype) of the params; missing params count as `{}`. */
  params: Params;
  /**
   * The same of the result: for the types of callers and for `rpc.describe`. A result is sent as `handle` gives it and
   * not validated; `resultMiddleware` does that, for tests. @default unknown to callers
   */
  result?: Result;
  /**
   * It only reads, so that doing it twice has no other effect than once: a call whose outcome is unknown may be sent to
   * another node. @default false
   */
  safe?: boolean;
  /** What a caller needs. @default to be granted the method's name */
  access?: MethodAccess<OutputOf<Params>>;
  handle(params: OutputOf<Params>, context: RequestContext): OutputOf<Result> | Promise<OutputOf<Result>>;
  /**
   * The same for a caller that takes a stream (`RequestContext.takesStream`): for results without a bound. The access is
   * that of the method. @default only `handle`
   */
  stream?: MethodStream<OutputOf<Params>>;
}

/** A method whose params are validated before `handle` sees them. */
export function method<Params extends StandardSchema, Result extends StandardSchema = StandardSchema>({
  access = {},
  safe = false,
  ...rest
}: MethodOptions<Params, Result>): Method<InputOf<Params>, OutputOf<Result>> {
  return { ...rest, access, safe } as Method<InputOf<Params>, OutputOf<Result>>;
}

/** Methods by their full names. */
export type MethodTable = Readonly<Record<string, Method>>;

/**
 * What the methods of a table add to `RpcMethods`, so that the types of callers come from the table itself:
 *
 * ```ts
 * type GreeterMethods = MethodsOf<ReturnType<typeof greeterMethods>>;
 * declare module "@aspen/rpc-core" {
 *   interface RpcMethods extends GreeterMethods {}
 * }
 * ```
 */
export type MethodsOf<Table extends MethodTable> = {
  [Name in keyof Table]: NonNullable<Table[Name]["types"]>;
};
