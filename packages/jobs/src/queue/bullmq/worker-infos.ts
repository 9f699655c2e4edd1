import type { WorkerInfo } from "../contract.js";
import type { BullMqConnection } from "./connection.js";

const MOST = 1000;

export async function announce(bull: BullMqConnection, info: WorkerInfo, ttlMs: number): Promise<void> {
  const { workers, workerInfos } = bull.names;
  const batch = await bull.batch();
  batch.call("ZADD", workers, Date.now() + ttlMs, info.name);
  batch.call("HSET", workerInfos, info.name, JSON.stringify(info));
  await batch.exec();
}

export async function retire(bull: BullMqConnection, name: string): Promise<void> {
  const { workers, workerInfos } = bull.names;
  const batch = await bull.batch();
  batch.call("ZREM", workers, name);
  batch.call("HDEL", workerInfos, name);
  await batch.exec();
}

/** Those whose time is over are forgotten with a look. */
export async function workers(bull: BullMqConnection): Promise<WorkerInfo[]> {
  const { workers, workerInfos } = bull.names;
  const now = Date.now();
  const gone = (await bull.call("ZRANGEBYSCORE", workers, "-inf", now, "LIMIT", 0, MOST)) as string[];
  for (const name of gone) await retire(bull, name);
  const names = (await bull.call("ZRANGEBYSCORE", workers, `(${now}`, "+inf", "LIMIT", 0, MOST)) as string[];
  if (names.length === 0) return [];
  const infos = (await bull.call("HMGET", workerInfos, ...names.sort())) as (string | null)[];
  return infos.flatMap((info) => (info === null ? [] : [JSON.parse(info) as WorkerInfo]));
}
