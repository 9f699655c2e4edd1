/** The git forge: hosting for stock git clients as a layer over a key-value store and a blob store. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export type { Author } from "./domain/author.js";
export type { Policy, PolicyRule } from "./domain/policy.js";
export type { RepositoryRecord, Visibility } from "./domain/repository.js";
export { forgeErrors } from "./errors.js";
export type { GatewayOptions } from "./gateway/options.js";
export { FORGE_LIMITS } from "./limits.js";
export { reservedPrefixes } from "./reserved-prefixes.js";
