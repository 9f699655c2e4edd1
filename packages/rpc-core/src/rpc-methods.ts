import type { DescribedMethod } from "./registry.js";

/**
 * Params and results of the methods that are known at compile time. A package adds its own:
 *
 * ```ts
 * declare module "@aspen/rpc-core" {
 *   interface RpcMethods { "forge.repo.create": { params: { name: string }; result: { id: string } } }
 * }
 * ```
 */
export interface RpcMethods {
  "rpc.describe": { params: Record<string, never>; result: { methods: DescribedMethod[] } };
}

export type KnownMethod = keyof RpcMethods & string;
export type ParamsOf<M extends KnownMethod> = RpcMethods[M] extends { params: infer P } ? P : unknown;
export type ResultOf<M extends KnownMethod> = RpcMethods[M] extends { result: infer R } ? R : unknown;
