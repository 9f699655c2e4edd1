import { encodeUtf8 } from "@aspen/plugin-api";
import { jobsErrors } from "../../errors.js";
import type { JobLogLine, JobProgress } from "../../job.js";
import { JOB_LIMITS, whole } from "../../options.js";
import type { JobLogPage, JobUpdate, UpdateAnswer } from "../contract.js";
import { bounded, normalProgress } from "../kv/update.js";
import type { BullMqConnection } from "./connection.js";
import { logLineOf, readJob } from "./job-record.js";
import { cancelledLock, Tokens } from "./tokens.js";

/** Lines that one page has. */
const PAGE_LINES = 1000;

/** @throws AspenError `INVALID_PARAMS` */
export async function update(
  bull: BullMqConnection,
  { id, token, leaseMs, progress, log }: JobUpdate,
  knownType: string | undefined,
): Promise<UpdateAnswer> {
  whole("leaseMs", leaseMs, JOB_LIMITS.leaseMinMs, JOB_LIMITS.leaseMaxMs);
  const told = progress && normalProgress(progress);
  const type = knownType ?? (await bull.typeOf(id));
  if (type === null) return "lost";
  const lock = Tokens.lockIn(token);
  let answer: UpdateAnswer = (await extend(bull, type, id, lock, leaseMs)) ? "held" : "lost";
  if (answer === "lost") {
    const job = await readJob(bull, id);
    const ours = job?.status === "running" && job.starts === Tokens.startsIn(token);
    if (!ours || !job.cancel || !(await extend(bull, type, id, cancelledLock(lock), leaseMs))) return "lost";
    answer = "cancelled";
  }
  if (told) await tell(bull, type, id, told);
  if (log && log.length > 0) await write(bull, type, id, log);
  return answer;
}

/** False when the job is not locked with this. No renewal makes a lease shorter. */
async function extend(
  bull: BullMqConnection,
  type: string,
  id: string,
  lock: string,
  leaseMs: number,
): Promise<boolean> {
  const key = bull.names.of(type, `${id}:lock`);
  const [left, held] = (await Promise.all([bull.call("PTTL", key), bull.call("GET", key)])) as [number, string | null];
  if (held !== lock) return false;
  if (left >= leaseMs) return true;
  return (await bull.of(type).extendLock(id, lock, leaseMs)) === 1;
}

async function tell(bull: BullMqConnection, type: string, id: string, progress: JobProgress): Promise<void> {
  await bull.of(type).updateProgress(id, { ...progress });
}

async function write(bull: BullMqConnection, type: string, id: string, log: readonly JobLogLine[]): Promise<void> {
  const key = bull.names.of(type, id);
  const before = Number((await bull.call("HGET", key, "logBytes")) ?? 0);
  const { lines, full } = bounded(log, before, Date.now());
  if (lines.length === 0) return;
  const bytes = encodeUtf8(JSON.stringify(lines)).length;
  const batch = await bull.batch();
  batch.call("RPUSH", `${key}:logs`, ...lines.map((line) => JSON.stringify(line)));
  batch.call("HSET", key, "logBytes", full ? JOB_LIMITS.logBytes : before + bytes);
  await batch.exec();
}

/** @throws AspenError `INVALID_PARAMS` */
export async function logs(bull: BullMqConnection, id: string, after: string | undefined): Promise<JobLogPage> {
  const first = after === undefined ? 0 : Number(after);
  if (!(Number.isSafeInteger(first) && first >= 0)) throw jobsErrors.invalid("after", "must be the cursor of a page");
  const type = await bull.typeOf(id);
  if (type === null) return { lines: [], cursor: String(first) };
  const { logs: found } = await bull.of(type).getJobLogs(id, first, first + PAGE_LINES - 1, true);
  return { lines: found.map(logLineOf), cursor: String(first + found.length) };
}
