/** Building blocks over a key-value store that many nodes share. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export {
  type AuditActor,
  type AuditEntry,
  type AuditEvent,
  type AuditPage,
  AuditTrail,
  type AuditTrailOptions,
  type ListAuditOptions,
} from "./audit-trail.js";
export {
  type ConsumedEvent,
  type CursorCommit,
  type CursorFollowOptions,
  type CursorOptions,
  type DurableCursor,
  DurableCursors,
} from "./cursor/cursors.js";
export { layersErrors } from "./errors.js";
export { type EventInput, eventOp, type LoggedEvent } from "./events/event.js";
export { EventLog, type FollowOptions, type ReadEventsOptions } from "./events/event-log.js";
export type { OnUnreadable } from "./events/event-reader.js";
export {
  type EventBounds,
  EventTrimmer,
  type EventTrimmerOptions,
  type TrimmedEvents,
} from "./events/event-trimmer.js";
export { type Lease, Leases, type LeasesOptions } from "./lease.js";
export type { JoinedMember } from "./membership/joined-member.js";
export type { MemberInfo } from "./membership/member.js";
export { Membership } from "./membership/membership.js";
export type { MembershipOptions } from "./membership/options.js";
export type { Member } from "./membership/roster.js";
export { RateLimit, type RateLimitOptions, type RateLimitResult } from "./rate-limit.js";
export type { Rate } from "./rate-limit-bucket.js";
export type { CronSchedule, IntervalSchedule, Schedule, ScheduleTimes } from "./schedule.js";
export { scheduleTimes } from "./schedule.js";
export { type BrokenTimer, type TimerPage, Timers, type TimersOptions } from "./timers.js";
export type { TimerDefinition, TimerStatus } from "./timers-definition.js";
export type { TickChanges, TimerHandler, TimerTick } from "./timers-handler.js";
export type { RunTimersOptions, TimerRun } from "./timers-runner.js";
