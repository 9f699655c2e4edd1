/**
 * Params and results of the methods that are known at compile time. A package adds its own, from the table of its
 * methods (see `MethodsOf`) or by hand:
 *
 * ```ts
 * declare module "@aspen/rpc-core" {
 *   interface RpcMethods {
 *     "forge.repo.create": { params: { name: string }; result: { id: string } };
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: others merge into it.
export interface RpcMethods {}

export type KnownMethod = keyof RpcMethods & string;

/** What a caller sends; unknown for a method that is not known at compile time. */
export type ParamsOf<Name extends string> = Name extends KnownMethod ? Side<RpcMethods[Name], "params"> : unknown;
/** What it gets. */
export type ResultOf<Name extends string> = Name extends KnownMethod ? Side<RpcMethods[Name], "result"> : unknown;

type Side<Types, Name extends "params" | "result"> = Types extends Record<Name, infer Type> ? Type : unknown;
