import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { WorkerInfo } from "../contract.js";
import type { JobTable } from "./job-table.js";
import { putRepeatably } from "./outcome.js";

/** @throws AspenError what the store throws */
export async function announce({ kv, keys }: JobTable, info: WorkerInfo, ttlMs: number): Promise<void> {
  await putRepeatably(kv, keys.worker(info.name), encodeUtf8(JSON.stringify(info)), { ttlMs });
}

/** @throws AspenError what the store throws */
export async function retire({ kv, keys }: JobTable, name: string): Promise<void> {
  await kv.delete(keys.worker(name));
}

/** @throws AspenError what the store throws */
export async function workers({ kv, keys }: JobTable): Promise<WorkerInfo[]> {
  const { entries } = await kv.scan({ prefix: keys.workers, limit: 1000 });
  return entries.map(({ value }) => JSON.parse(decodeUtf8(value)) as WorkerInfo);
}
