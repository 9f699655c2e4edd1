import { SourceMap } from "node:module";

/** Most of a source map. `bytes` is its JSON in UTF-8; `sourceLength` and `mappings` are characters. */
export const SOURCE_MAP_LIMITS = {
  bytes: 4 * 1024 * 1024,
  sources: 10_000,
  sourceLength: 1024,
  names: 100_000,
  mappings: 3 * 1024 * 1024,
} as const;

const BUNDLE_POSITION = /plugin\.js:(\d{1,9}):(\d{1,9})/g;

/** True when a text has a position that a source map can translate. */
export function hasBundlePosition(text: string): boolean {
  return text.search(BUNDLE_POSITION) >= 0;
}

/**
 * Translates the positions of a guest's stack trace into those of its TypeScript. Reading a map within its limits
 * takes up to a second and 200 MB, so a foreign one is read outside the main thread.
 */
export class GuestStackMap {
  readonly #map: SourceMap;

  /** @throws Error with one sentence when `json` is not a plain source map (revision 3) within {@link SOURCE_MAP_LIMITS} */
  constructor(json: string) {
    this.#map = new SourceMap(parse(json));
  }

  /**
   * `stack` with `plugin.js:LINE:COLUMN` replaced by `src/plugin.ts:LINE:COLUMN` where it is known. Names are written
   * as in a JSON string. Positions that would make the text longer than `mostCharacters` stay as they are.
   */
  map(stack: string, mostCharacters = Number.POSITIVE_INFINITY): string {
    let room = mostCharacters - stack.length;
    return stack.replace(BUNDLE_POSITION, (position, line: string, column: string) => {
      const origin = this.#map.findOrigin(Number(line), Number(column));
      if (!("fileName" in origin)) return position;
      const mapped = `${JSON.stringify(origin.fileName).slice(1, -1)}:${origin.lineNumber}:${origin.columnNumber}`;
      const growth = mapped.length - position.length;
      if (growth > room) return position;
      room -= growth;
      return mapped;
    });
  }
}

/** A map of these fields and no others: Node's reader follows `sections` and trusts every `length`. */
function parse(json: string) {
  if (json.length > SOURCE_MAP_LIMITS.bytes) throw tooLarge("characters", json.length, SOURCE_MAP_LIMITS.bytes);
  const map: unknown = JSON.parse(json);
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw new Error("a source map is an object");
  const { version, sections, sources, names = [], mappings } = map as Record<string, unknown>;
  if (version !== 3) throw new Error("a source map has the version 3");
  if (sections !== undefined) throw new Error("a source map of sections is not supported");
  if (!isStrings(sources)) throw new Error("a source map has a list of strings as its sources");
  if (!isStrings(names)) throw new Error("a source map has a list of strings as its names");
  if (typeof mappings !== "string" || !/^[A-Za-z0-9+/,;]*$/.test(mappings)) {
    throw new Error("a source map has base64 numbers as its mappings");
  }
  if (sources.length > SOURCE_MAP_LIMITS.sources) throw tooLarge("sources", sources.length, SOURCE_MAP_LIMITS.sources);
  if (names.length > SOURCE_MAP_LIMITS.names) throw tooLarge("names", names.length, SOURCE_MAP_LIMITS.names);
  const longest = sources.reduce((most, { length }) => Math.max(most, length), 0);
  if (longest > SOURCE_MAP_LIMITS.sourceLength) {
    throw tooLarge("characters in the name of a source", longest, SOURCE_MAP_LIMITS.sourceLength);
  }
  if (mappings.length > SOURCE_MAP_LIMITS.mappings) {
    throw tooLarge("characters of mappings", mappings.length, SOURCE_MAP_LIMITS.mappings);
  }
  return { file: "", version, sources, names, mappings, sourceRoot: "", sourcesContent: [] };
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function tooLarge(what: string, count: number, limit: number): Error {
  return new Error(`a source map has at most ${limit} ${what}, not ${count}`);
}
