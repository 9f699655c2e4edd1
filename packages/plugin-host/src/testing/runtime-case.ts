import type { RuntimeBench } from "./runtime-bench.js";

/** One rule of the contract. It throws when the runtime breaks it. */
export interface RuntimeCase {
  name: string;
  run(bench: RuntimeBench): Promise<void>;
}
