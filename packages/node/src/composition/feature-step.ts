import { nodeErrors } from "../errors.js";
import { within } from "./limit.js";

export interface FeatureStep {
  feature: string;
  /** What it is, in errors: `module`, `configuration schema`. */
  step: string;
  /** Longest time that it may take, in milliseconds. */
  limitMs: number;
}

/**
 * One step of a feature's start.
 *
 * @throws AspenError naming the feature: the code that it threw, or `FEATURE_FAILED`, also when it takes too long
 */
export async function featureStep<T>({ feature, step, limitMs }: FeatureStep, work: () => T | Promise<T>): Promise<T> {
  let outcome: { value: T } | undefined;
  try {
    const run = async () => {
      outcome = { value: await work() };
    };
    await within(limitMs, run, 0);
  } catch (error) {
    throw nodeErrors.featureBroken(feature, step, error);
  }
  if (!outcome) throw nodeErrors.featureLate(feature, step, limitMs);
  return outcome.value;
}
