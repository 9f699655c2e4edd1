import type { Clock } from "@aspen/plugin-api";

export type { Clock };

/** The system's. A plugin's own thread reads it itself, where any other clock is asked for in the main thread. */
export const systemClock: Clock = { now: () => Date.now() };
