import { LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { defineHostFunction } from "./host-function.js";
import { isRecord, optional, recordArg } from "./parameters.js";

const LEVELS = ["debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

/** The fields as they are, or what is said in their place; undefined when there are none. */
function bounded(fields: unknown): Record<string, unknown> | undefined {
  if (fields === undefined || fields === null) return undefined;
  if (!isRecord(fields)) return { omitted: "fields that are not a JSON object" };
  const { length } = JSON.stringify(fields);
  return length <= LIMITS.logMessageBytes ? fields : { omitted: `fields of ${length} characters of JSON` };
}

export const logWrite = defineHostFunction<{ level: Level; message: string; fields?: Record<string, unknown> }>({
  prepare(_scope, args) {
    const record = recordArg(args, 0, "record", LIMITS.logRecordBytes);
    const level = LEVELS.find((known) => known === record.level);
    if (!level) throw hostErrors.invalidArgument("level", `must be one of ${LEVELS.join(", ")}`);
    const message = (optional(record.message, "string", "message") ?? "").slice(0, LIMITS.logMessageBytes);
    const fields = bounded(record.fields);
    return fields ? { level, message, fields } : { level, message };
  },
  async run({ logger }, { level, message, fields }, _scope, { requestId }) {
    logger.log(level, message, fields, requestId);
    return undefined;
  },
});
