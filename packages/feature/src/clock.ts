/** The time of day, for what people and other machines see. Deadlines and intervals go by `performance.now()`. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}
