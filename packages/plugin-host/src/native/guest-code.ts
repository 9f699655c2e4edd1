import type { Guest, GuestExport } from "@aspen/plugin-api/abi";
import type { GuestFailure } from "../guest/guest-failure.js";
import type { NativeCall } from "./native-call.js";

/** What the plugin's own function threw, or that its result is no JSON: as it says itself. */
export class GuestThrew extends Error {
  constructor(
    readonly failure: GuestFailure,
    /** Codes of the errors that its host calls ended with. */
    readonly given: ReadonlySet<string>,
  ) {
    super("the plugin threw");
  }
}

/** The code of a plugin that speaks the native ABI: in this process, or in another one. */
export interface GuestCode {
  readonly exports: readonly string[];
  /** Resolves when it can run something: the time of a call begins then. @default at once */
  ready?(): Promise<void>;
  /**
   * Runs an export; what it asks of the host goes to `call`. Gives its result as JSON.
   *
   * @throws GuestThrew what the plugin threw; AspenError when its code cannot be reached
   */
  run(name: GuestExport, input: () => unknown, call: NativeCall): Promise<string>;
}

/** Code in this process. */
export class LocalGuestCode implements GuestCode {
  readonly exports: readonly string[];

  constructor(private readonly guest: Guest) {
    this.exports = Object.keys(guest.exports);
  }

  async run(name: GuestExport, input: () => unknown, { given }: NativeCall): Promise<string> {
    const { exports, resultText, errorText } = this.guest;
    let result: unknown;
    try {
      result = await exports[name]?.(input);
    } catch (thrown) {
      throw new GuestThrew(JSON.parse(errorText(thrown)) as GuestFailure, given);
    }
    const { ok, text } = resultText(result);
    if (ok) return text;
    throw new GuestThrew(JSON.parse(text) as GuestFailure, given);
  }
}
