import type { Store } from "../store.js";

/** One rule of the contract. It throws when the store breaks it. */
export interface ConformanceCase {
  name: string;
  /** `namespace` ends in ":" and is this case's own. */
  run(store: Store, namespace: string): Promise<void>;
}
