import type { ParamsOf } from "@aspen/rpc-core/remote";
import { type Command, InvalidArgumentError, Option } from "commander";
import { wholeNumber } from "../command.js";
import { parseTime } from "../parse-time.js";

type ScheduledJob = ParamsOf<"job.schedule.create">["job"];
type Backoff = NonNullable<ScheduledJob["backoff"]>;

/** Flags of everything that submits jobs. */
export interface JobFlags {
  priority?: number;
  timeLimit?: number;
  attempts?: number;
  backoff?: Backoff;
  maxStalls?: number;
  group?: string;
  allowUnknown?: boolean;
}

export function addJobOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--priority <n>", "-10 to 10; a step counts as a minute of waiting (0 unless given)").argParser(
        signed,
      ),
    )
    .option("--time-limit <time>", "longest time of an attempt: 500ms, 90s, 30m, 24h, 7d (5m unless given)", (text) =>
      parseTime(text, 1),
    )
    .option("--attempts <n>", "starts that may fail, 1 to 100 (1 unless given)", (text) => wholeNumber(text, 1, 100))
    .option("--backoff <kind>", "time between attempts: fixed:10s, exponential:1s or list:1s,10s,5m", parseBackoff)
    .option("--max-stalls <n>", "lost workers after which the job comes back, 0 to 100 (1 unless given)", (text) =>
      wholeNumber(text, 0, 100),
    )
    .option("--group <name>", "whose job it is: the groups of a type take turns")
    .option("--allow-unknown", "let it wait when no worker has ever registered its type");
}

/** Those fields of a submit that the flags give. */
export function jobFieldsOf({ timeLimit, ...flags }: JobFlags): Omit<ScheduledJob, "type" | "payload"> {
  const { priority, attempts, backoff, maxStalls, group, allowUnknown } = flags;
  const fields = { priority, timeoutMs: timeLimit, attempts, backoff, maxStalls, group, allowUnknown };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function signed(text: string): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= -10 && value <= 10) return value;
  throw new InvalidArgumentError("It must be a whole number from -10 to 10.");
}

function parseBackoff(text: string): Backoff {
  const [, type, times = ""] = /^(fixed|exponential|list):(.+)$/.exec(text) ?? [];
  const delays = times.split(",").map((time) => parseTime(time));
  if (type === "list") return { type, delaysMs: delays };
  if ((type === "fixed" || type === "exponential") && delays.length === 1) return { type, delayMs: delays[0]! };
  throw new InvalidArgumentError("It must be fixed:10s, exponential:1s or list:1s,10s,5m.");
}
