/** Services, their instances, health and leases: the records and methods of the registry. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export { registryErrors } from "./errors.js";
export type {
  Discovery,
  OwnedInstance,
  Registration,
  ServiceMethods,
  ServiceState,
  Update,
  WatchRequest,
} from "./methods.js";
export type { InstanceFilter } from "./records/filters.js";
export type { Check, CheckDefinition, Health, Instance } from "./records/instance.js";
export { REGISTRY_LIMITS } from "./records/limits.js";
export { reservedPrefixes } from "./reserved-prefixes.js";
