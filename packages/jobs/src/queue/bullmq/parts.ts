import type { JobValues } from "../kv/job-values.js";
import type { BullMqConnection } from "./connection.js";
import type { RegisteredTypes } from "./registered-types.js";
import type { BullMqSignals } from "./signals.js";

/** Milliseconds for which finished jobs are kept. */
export interface Retention {
  readonly completed: number;
  /** Also of cancelled ones. */
  readonly failed: number;
  readonly dead_letter: number;
}

/** What the operations of a queue share. */
export interface BullMqParts {
  readonly bull: BullMqConnection;
  readonly values: JobValues;
  readonly types: RegisteredTypes;
  readonly signals: BullMqSignals;
  readonly retention: Retention;
  readonly random: () => number;
  /** By type, up to which score failed jobs were looked at that are kept for different times. */
  readonly checked: Map<string, string>;
}
