/** The contract by which a package adds itself to a node: types, identifiers, and what they are used with. @module */
export type { Announcement } from "./announcement.js";
export type { Authenticator } from "./authenticator.js";
export { type Clock, systemClock } from "./clock.js";
export type { ClusterPeer, ClusterPort } from "./cluster-port.js";
export type { Feature } from "./feature.js";
export { given } from "./given.js";
export type { HealthCheck, HealthReport } from "./health-check.js";
export type { HttpMount, MountContext } from "./http-mount.js";
export type { JobWorker } from "./job-worker.js";
export type { JobsPort } from "./jobs-port.js";
export type { KeyOwner } from "./key-owner.js";
export type { Measurement, Meter } from "./meter.js";
export { MIDDLEWARE_ORDER, type OrderedMiddleware } from "./middleware.js";
export type { HostPort, PluginTier } from "./plugin-tier.js";
export { NODE, POINTS } from "./points.js";
export { CountMeter, TimeMeter } from "./recorded.js";
export type { Service } from "./service.js";
export type { SystemTool } from "./system-tool.js";
