/** What the node and its probe process say to each other. */

/** Before the wasm file comes its length, a little-endian number of 32 bits. */
export const LENGTH_BYTES = 4;

/** What the probe found; null when nothing is wrong. */
export interface ProbeReport {
  problem: string | null;
}

/** Characters of a problem that are passed on. */
export const PROBLEM_MAX = 500;
/** Priority of the process, from -20 (first) to 19. */
export const NICENESS = 5;
/** Milliseconds between looks at the memory in use. */
export const RSS_LOOK_MS = 10;
