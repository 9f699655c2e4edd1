import type { MembershipOptions } from "./options.js";

/** What fails in the background, and when all of it works again. */
export class Failures {
  readonly #failing = new Set<string>();

  constructor(private readonly options: Pick<Required<MembershipOptions>, "onError" | "onRecovered">) {}

  failed(work: string, error: unknown): void {
    this.#failing.add(work);
    this.options.onError(error);
  }

  worked(work: string): void {
    if (this.#failing.delete(work) && this.#failing.size === 0) this.options.onRecovered();
  }
}
