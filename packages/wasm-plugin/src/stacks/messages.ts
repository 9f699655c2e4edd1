/** Asks for texts with positions of the bundle in terms of TypeScript. */
export interface MapRequest {
  /** The same for the same module. */
  key: number;
  module: WebAssembly.Module;
  texts: readonly string[];
  /** No text becomes longer than this. */
  mostCharacters: number;
}

export type MapAnswer = { texts: readonly string[] } | { problem: string };
