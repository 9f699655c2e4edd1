/** What a program that registers itself, or looks for others, uses of a node. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { Balancer, type BalancerOptions, type Picked } from "./client/balancer.js";
export { HeldRegistration, type KeepOptions } from "./client/held-registration.js";
export { consistentHash, leastLoaded, type Policy, roundRobin, weighted, zoneAware } from "./client/pick.js";
export { ServiceWatch, type ServiceWatchOptions } from "./client/service-watch.js";
export type { OwnedInstance, Registration, ServiceMethods, ServiceState, Update, WatchRequest } from "./methods.js";
export type { InstanceFilter } from "./records/filters.js";
export type { Check, CheckDefinition, Health, Instance } from "./records/instance.js";
