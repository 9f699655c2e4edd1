/** States of a plugin on one node. */
export const LIFECYCLE_STATES = [
  "loading",
  "initializing",
  "ready",
  "degraded",
  "stopping",
  "stopped",
  "failed",
] as const;

export type LifecycleState = (typeof LIFECYCLE_STATES)[number];

/** Which states may follow which. A degraded plugin that is healthy again returns to ready. */
export const LIFECYCLE_TRANSITIONS: Readonly<Record<LifecycleState, readonly LifecycleState[]>> = {
  loading: ["initializing", "failed"],
  initializing: ["ready", "failed", "stopping"],
  ready: ["degraded", "stopping", "failed"],
  degraded: ["ready", "stopping", "failed"],
  stopping: ["stopped", "failed"],
  stopped: ["loading"],
  failed: ["loading", "stopped"],
};

/** True when a plugin in this state answers requests. */
export function isServing(state: LifecycleState): boolean {
  return state === "ready" || state === "degraded";
}

export function canTransition(from: LifecycleState, to: LifecycleState): boolean {
  return LIFECYCLE_TRANSITIONS[from].includes(to);
}

/** A plugin's state on one node; refuses a transition that the table does not have. */
export class Lifecycle {
  #state: LifecycleState = "loading";
  readonly #listeners = new Set<(to: LifecycleState, from: LifecycleState) => void>();

  get state(): LifecycleState {
    return this.#state;
  }

  /** @throws Error when the table has no such transition: a defect of the caller. */
  transition(to: LifecycleState): void {
    const from = this.#state;
    if (!canTransition(from, to)) throw new Error(`a plugin cannot go from ${from} to ${to}`);
    this.#state = to;
    for (const listener of this.#listeners) listener(to, from);
  }

  /** Calls `listener` after every transition; returns its disposer. */
  onTransition(listener: (to: LifecycleState, from: LifecycleState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
