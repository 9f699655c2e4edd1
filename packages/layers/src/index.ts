/** Building blocks over a key-value store that many nodes share. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { layersErrors } from "./errors.js";
export { type Lease, Leases, type LeasesOptions } from "./lease.js";
export { RateLimit, type RateLimitOptions, type RateLimitResult } from "./rate-limit.js";
export type { Rate } from "./rate-limit-bucket.js";
