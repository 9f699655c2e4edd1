import picomatch from "picomatch";
import { relativeSegments } from "./relative-path.js";

/** Of one pattern. */
export const GLOB_CHARACTERS = 512;
/** In one segment, so that no name takes long to match. */
const STARS = 3;

/** One segment of a pattern: any number of folders, or a test of one name. */
type Segment = "**" | ((name: string) => boolean);

/** How far patterns have matched on the way to a folder. */
export type GlobState = ReadonlySet<number>;

/** What is wrong with a pattern, the end of a sentence; null when nothing is. */
export function globProblem(pattern: string): string | null {
  if (pattern.length > GLOB_CHARACTERS) return `is longer than ${GLOB_CHARACTERS} characters`;
  if (/[\\()[\]!]/.test(pattern)) return "has one of \\ ( ) [ ] !; it may use *, **, ? and {a,b}";
  const segments = relativeSegments(pattern);
  if (typeof segments === "string") return segments;
  if (segments.length === 0) return "names no file";
  for (const segment of segments) {
    if (segment !== "**" && segment.split("*").length - 1 > STARS) return `has a name with more than ${STARS} stars`;
    if (!/^[^{}]*(\{[^{}]*\}[^{}]*)?$/.test(segment)) return "may have one {a,b} in a name, without / and not nested";
    // Alternatives that are empty or have stars would be tried in every combination.
    if (/\{[^{}]*[*?.][^{}]*\.\.|\{[^{}]*\*[^{}]*\}/.test(segment)) return "may not have stars or ranges in {}";
  }
  return null;
}

/** Patterns that were checked by {@link globProblem}, matched name by name while folders are walked. */
export class Globs {
  readonly #segments: Segment[] = [];
  readonly #ends = new Set<number>();
  readonly start: GlobState;

  constructor(patterns: readonly string[]) {
    const starts: number[] = [];
    for (const pattern of patterns) {
      starts.push(this.#segments.length);
      for (const segment of relativeSegments(pattern) as string[]) this.#segments.push(compiled(segment));
      // A last "**" matches files at any depth.
      this.#ends.add(this.#segments.length - 1);
    }
    this.start = new Set(starts);
  }

  /** Whether a file of this name, in a folder of this state, matches. */
  matches(state: GlobState, name: string): boolean {
    for (const at of this.#open(state)) if (this.#ends.has(at) && this.#fits(at, name)) return true;
    return false;
  }

  /** The state of a folder of this name in one of this state; empty when nothing below it can match. */
  enter(state: GlobState, name: string): GlobState {
    const next = new Set<number>();
    for (const at of this.#open(state)) {
      if (this.#segments[at] === "**") next.add(at);
      else if (!this.#ends.has(at) && this.#fits(at, name)) next.add(at + 1);
    }
    return next;
  }

  /** With what follows a "**", which may stand for no folder. */
  #open(state: GlobState): GlobState {
    const open = new Set(state);
    for (const at of open) if (this.#segments[at] === "**" && !this.#ends.has(at)) open.add(at + 1);
    return open;
  }

  #fits(at: number, name: string): boolean {
    const segment = this.#segments[at]!;
    return segment === "**" || segment(name);
  }
}

function compiled(segment: string): Segment {
  if (segment === "**") return "**";
  return picomatch(segment, { dot: true, noextglob: true, noglobstar: true, regex: false, nonegate: true });
}
