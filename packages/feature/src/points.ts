import type { Logger } from "@aspen/plugin-api";
import type { HandlerFactory } from "@aspen/rpc-core";
import type { ServiceIdentifier } from "inversify";
import type { Announcement } from "./announcement.js";
import type { Authenticator } from "./authenticator.js";
import type { CallerReview } from "./caller-review.js";
import type { Clock } from "./clock.js";
import type { HealthCheck } from "./health-check.js";
import type { HttpMount } from "./http-mount.js";
import type { JobWorker } from "./job-worker.js";
import type { KeyOwner } from "./key-owner.js";
import type { Meter } from "./meter.js";
import type { OrderedMiddleware } from "./middleware.js";
import type { HostPort, PluginTier } from "./plugin-tier.js";
import type { Service } from "./service.js";

/** Where a feature adds something to a node: bind any number of each. */
export const POINTS = {
  /** Handlers of methods, made at start and registered by priority. */
  handlerFactory: Symbol.for("@aspen/feature HandlerFactory") as ServiceIdentifier<HandlerFactory>,
  middleware: Symbol.for("@aspen/feature OrderedMiddleware") as ServiceIdentifier<OrderedMiddleware>,
  httpMount: Symbol.for("@aspen/feature HttpMount") as ServiceIdentifier<HttpMount>,
  service: Symbol.for("@aspen/feature Service") as ServiceIdentifier<Service>,
  /** Tiers that run plugins, one for each `entry.kind`. */
  runtime: Symbol.for("@aspen/feature PluginTier") as ServiceIdentifier<PluginTier>,
  /** What runs jobs, each for its own types. */
  worker: Symbol.for("@aspen/feature JobWorker") as ServiceIdentifier<JobWorker>,
  hostPort: Symbol.for("@aspen/feature HostPort") as ServiceIdentifier<HostPort>,
  meter: Symbol.for("@aspen/feature Meter") as ServiceIdentifier<Meter>,
  healthCheck: Symbol.for("@aspen/feature HealthCheck") as ServiceIdentifier<HealthCheck>,
  /** What the other nodes are told of this one, beside its methods. */
  announcement: Symbol.for("@aspen/feature Announcement") as ServiceIdentifier<Announcement>,
  /** Who is known by which credentials, one for each scheme of `Authorization`. */
  authenticator: Symbol.for("@aspen/feature Authenticator") as ServiceIdentifier<Authenticator>,
  /** Who knows what somebody may still do who asked for something before. */
  callerReview: Symbol.for("@aspen/feature CallerReview") as ServiceIdentifier<CallerReview>,
  /** Keys that generic methods leave to their owners. */
  keyOwner: Symbol.for("@aspen/feature KeyOwner") as ServiceIdentifier<KeyOwner>,
} as const;

/** What a node gives to its features, beside `STORAGE` of `@aspen/storage/module` and `RPC` of `@aspen/rpc-core/module`. */
export const NODE = {
  /** Random for every start. */
  id: Symbol.for("@aspen/feature node id") as ServiceIdentifier<string>,
  /** Where its HTTP front listens. */
  url: Symbol.for("@aspen/feature node url") as ServiceIdentifier<string>,
  log: Symbol.for("@aspen/feature Logger") as ServiceIdentifier<Logger>,
  clock: Symbol.for("@aspen/feature Clock") as ServiceIdentifier<Clock>,
  /** Every feature that is known, and whether this node has it. */
  features: Symbol.for("@aspen/feature features") as ServiceIdentifier<Readonly<Record<string, boolean>>>,
  /** The node was started to mend it: nothing that is installed is started. */
  safeMode: Symbol.for("@aspen/feature safe mode") as ServiceIdentifier<boolean>,
} as const;
