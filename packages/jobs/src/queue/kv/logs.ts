import { decodeUtf8 } from "@aspen/plugin-api";
import { jobsErrors } from "../../errors.js";
import type { JobLogLine } from "../../job.js";
import type { JobLogPage } from "../contract.js";
import type { JobTable } from "./job-table.js";

/** Writes of lines that one page has. */
const CHUNKS = 64;

/** @throws AspenError `INVALID_PARAMS`, or what the store throws */
export async function logs({ kv, keys }: JobTable, id: string, after: string | undefined): Promise<JobLogPage> {
  // The number of the first chunk that was not read yet.
  const first = after === undefined ? 0 : Number(after);
  if (!(Number.isSafeInteger(first) && first >= 0)) throw jobsErrors.invalid("after", "must be the cursor of a page");
  const chunks = await kv.getMany(Array.from({ length: CHUNKS }, (_, index) => keys.logChunk(id, first + index)));
  const there = chunks.filter((chunk) => chunk !== null);
  const lines = there.flatMap(({ value }) => JSON.parse(decodeUtf8(value)) as JobLogLine[]);
  return { lines, cursor: String(first + there.length) };
}
