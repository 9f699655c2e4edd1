import type { Caller } from "@aspen/rpc-core";

/** Knows what may still be done by somebody who asked for something before: one that gives rights, and takes them away. */
export interface CallerReview {
  /** Whose rights it looks at: those that come from a token, or those of a plugin. A caller can have both. */
  readonly of: "token" | "plugin";
  /**
   * The caller as he was, with what he may do now of it; null when he is not known here.
   *
   * @throws AspenError `UNAUTHENTICATED` when he may do nothing any more, or what says that it cannot be told now
   */
  review(caller: Caller): Promise<Caller | null>;
}
