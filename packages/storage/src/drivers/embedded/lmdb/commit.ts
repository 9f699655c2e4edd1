import { storageErrors } from "../../../errors.js";
import type { Environment } from "./environment.js";

/**
 * Runs `work` in the next write transaction and resolves once that is committed, to files that are still there. What
 * `work` throws undoes it.
 * @throws AspenError `STORE_UNAVAILABLE`
 */
export async function commit<T>(environment: Environment, work: () => T): Promise<T> {
  environment.presence.assertLately();
  let result: T;
  try {
    result = await environment.root.transaction(work);
  } catch (error) {
    const reason = await commitError(error);
    throw storageErrors.unavailable(reason instanceof Error ? reason.message : String(reason), error);
  }
  environment.presence.assert();
  return result;
}

/** Why a commit failed. lmdb gives that as a promise, which ends the process when nobody handles it. */
async function commitError(error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: unknown }).commitError;
  if (!(reason instanceof Promise)) return error;
  return reason.then(
    () => error,
    (cause: unknown) => cause,
  );
}
