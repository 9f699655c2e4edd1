import type { CallerReview } from "@aspen/feature";
import { AspenError } from "@aspen/plugin-api";
import { type Caller, tokenBehind } from "@aspen/rpc-core";
import { jobsErrors, PermanentFailure } from "../errors.js";

/** Those who submitted jobs, as they are when the jobs run. */
export class JobCallers {
  /** @param reviews of those who can lose their rights: of a token or a plugin that none of them knows, no job may call */
  constructor(private readonly reviews: readonly CallerReview[] = []) {}

  /**
   * Who submitted a job, with what he was granted then and is granted still.
   *
   * @throws AspenError `UNAUTHENTICATED`, as a `PermanentFailure`, when his token counts no more or is not known; what the
   * reviews throw
   */
  async now(submitted: Caller): Promise<Caller> {
    const token = tokenBehind(submitted);
    const known = token === undefined ? submitted : await this.#reviewed("token", submitted, token);
    return known.kind === "plugin" ? this.#reviewed("plugin", known, known.id) : known;
  }

  async #reviewed(of: CallerReview["of"], caller: Caller, id: string): Promise<Caller> {
    try {
      for (const review of this.reviews) {
        const known = review.of === of ? await review.review(caller) : null;
        if (known) return known;
      }
    } catch (thrown) {
      const error = AspenError.from(thrown);
      // A right that was taken away does not come back.
      throw error.code === "UNAUTHENTICATED" ? new PermanentFailure(error.message, error.code, thrown) : error;
    }
    throw jobsErrors.callerUnknown(of, id);
  }
}
