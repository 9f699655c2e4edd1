import { SourceMap, type SourceMapPayload } from "node:module";

const BUNDLE_POSITION = /plugin\.js:(\d+):(\d+)/g;

/** Translates the positions of a guest's stack trace into those of its TypeScript. */
export class GuestStackMap {
  readonly #map: SourceMap;

  /** @throws when `json` is not a source map (revision 3) */
  constructor(json: string) {
    this.#map = new SourceMap(JSON.parse(json) as SourceMapPayload);
  }

  /** `stack` with `plugin.js:LINE:COLUMN` replaced by `src/plugin.ts:LINE:COLUMN` where it is known. */
  map(stack: string): string {
    return stack.replace(BUNDLE_POSITION, (position, line: string, column: string) => {
      const origin = this.#map.findOrigin(Number(line), Number(column));
      return "fileName" in origin ? `${origin.fileName}:${origin.lineNumber}:${origin.columnNumber}` : position;
    });
  }
}
