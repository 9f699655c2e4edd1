/** The time of day, for what people and other machines see. Deadlines and intervals go by `performance.now()`. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** The system's. A plugin's own thread reads it itself, where any other clock is asked for in the main thread. */
export const systemClock: Clock = { now: () => Date.now() };
