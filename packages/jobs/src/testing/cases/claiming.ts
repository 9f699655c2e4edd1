import assert from "node:assert/strict";
import { isAspenError } from "@aspen/plugin-api";
import type { ClaimedJob, ClaimOptions, JobQueue } from "../../queue/contract.js";

export const LEASE_MS = 10_000;

/** Claims jobs of the type `work`. */
export function claim(queue: JobQueue, limit = 10, options: Partial<ClaimOptions> = {}): Promise<ClaimedJob[]> {
  return queue.claim({ worker: "w1", types: [{ type: "work" }], limit, leaseMs: LEASE_MS, ...options });
}

/** Claims the one job that there must be. */
export async function claimOne(queue: JobQueue, options: Partial<ClaimOptions> = {}): Promise<ClaimedJob> {
  const [job, ...more] = await claim(queue, 2, options);
  assert.ok(job && more.length === 0, "there should be one job to claim");
  return job;
}

export async function statusOf(queue: JobQueue, id: string): Promise<string | undefined> {
  return (await queue.get(id))?.status;
}

export const withCode =
  (code: string) =>
  (error: unknown): boolean =>
    isAspenError(error) && error.code === code;
