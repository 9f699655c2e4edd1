import { LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { defineHostFunction } from "./host-function.js";
import { isRecord, optional, recordArg } from "./parameters.js";

const LEVELS = ["debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

export const logWrite = defineHostFunction<{ level: Level; message: string; fields?: Record<string, unknown> }>({
  prepare(_scope, args) {
    const record = recordArg(args, 0, "record", LIMITS.logRecordBytes);
    const level = LEVELS.find((known) => known === record.level);
    if (!level) throw hostErrors.invalidArgument("level", `must be one of ${LEVELS.join(", ")}`);
    const message = (optional(record.message, "string", "message") ?? "").slice(0, LIMITS.logMessageBytes);
    const small = isRecord(record.fields) && JSON.stringify(record.fields).length <= LIMITS.logMessageBytes;
    return small ? { level, message, fields: record.fields as Record<string, unknown> } : { level, message };
  },
  async run({ logger }, { level, message, fields }, _scope, requestId) {
    logger.log(level, message, fields, requestId);
    return undefined;
  },
});
