import { AspenError, cut, LIMITS, quoted } from "@aspen/plugin-api/abi";

/** The errors of this package. */
export const layersErrors = {
  invalid: (field: string, problem: string) => new AspenError("INVALID_PARAMS", `${field} ${problem}`, { field }),
  leaseLost: (key: string, why: string, cause?: unknown) =>
    new AspenError(
      "LEASE_LOST",
      `the lease ${quoted(key)} is no longer held: ${why}; acquire it again`,
      undefined,
      cause,
    ),
  memberTooLarge: (limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `a member's record is over ${limit} bytes; name fewer methods`, { limit }),
  membershipOver: (id: string, why: string) =>
    new AspenError("MEMBERSHIP_OVER", `${quoted(id)} is no member: ${why}; join anew, under an id of its own`, { id }),
  eventTooLarge: (bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the event has ${bytes} bytes; at most ${LIMITS.valueBytes} are allowed: put the data elsewhere and emit where it is`,
      { bytes, limit: LIMITS.valueBytes },
    ),
  eventUnreadable: (id: string, cause?: unknown) =>
    new AspenError(
      "STORE_INCONSISTENT",
      `what is stored as the event ${quoted(id)} is none; go on behind it, and look who else writes there`,
      { id: cut(id, LIMITS.keyBytes) },
      cause,
    ),
  eventsCompacted: (namespace: string, after: string, resume: string) =>
    new AspenError(
      "EVENTS_COMPACTED",
      `the events of ${quoted(namespace)} that follow ${quoted(after, LIMITS.keyBytes)} are no longer kept; go on after ${quoted(resume, LIMITS.keyBytes)}, without those in between`,
      { namespace: cut(namespace), after, resume },
    ),
  eventsUndone: (namespace: string, after: string, resume: string) =>
    new AspenError(
      "EVENTS_COMPACTED",
      `the store no longer has the event ${quoted(after, LIMITS.keyBytes)} of ${quoted(namespace)}: it lost its newest writes, or somebody removed the event; go on after ${quoted(resume, LIMITS.keyBytes)}, where events may come again`,
      { namespace: cut(namespace), after, resume, undone: true },
    ),
  trimmingDisturbed: (key: string) =>
    new AspenError(
      "KV_CONFLICT",
      `somebody changed ${quoted(key)} while the events were trimmed; leave it to the trimmer, and try again`,
      { key: cut(key) },
    ),
  cursorMoved: (key: string) =>
    new AspenError(
      "KV_CONFLICT",
      `somebody who does not hold it moved the cursor ${quoted(key)}; acquire it again to go on from there`,
      { key: cut(key) },
    ),
  cursorUnreadable: (key: string) =>
    new AspenError("STORE_INCONSISTENT", `the cursor ${quoted(key)} holds no event's id; delete it to begin anew`, {
      key: cut(key),
    }),
  schedule: (schedule: string, problem: string, cause?: unknown) =>
    new AspenError("SCHEDULE_INVALID", `the schedule ${quoted(schedule)} ${problem}`, undefined, cause),
  timerNotFound: (name: string) => new AspenError("TIMER_NOT_FOUND", `there is no timer ${quoted(name)}`),
  handlerTimeout: (id: string, ms: number) =>
    new AspenError("DEADLINE_EXCEEDED", `the handler of the tick ${quoted(id)} took longer than ${ms} ms`),
  cancelled: (what: string) => new AspenError("CANCELLED", `the caller gave up ${what}`),
} as const;
