import type { Command } from "commander";
import { addClientCommand, wholeNumber } from "../../command.js";
import { follow, writeOutcome } from "../../job/follow.js";
import { addJobOptions, type JobFlags, jobFieldsOf } from "../../job/job-options.js";
import { jobSession } from "../../job/job-session.js";
import { readPayload } from "../../job/payload.js";
import { parseTime } from "../../parse-time.js";

interface Flags extends JobFlags {
  delay?: number;
  idempotencyKey?: string;
  dependsOn?: string[];
  ignoreDependencyFailure?: boolean;
  wait?: boolean;
  follow?: boolean;
  for?: number;
}

export function addJobSubmit(job: Command): void {
  const submit = addClientCommand(job, {
    usage: "submit <type> [payload]",
    description: "submits a job with JSON as its payload (@file: of a file, -: of stdin); shows its id",
    example: `job submit report '{"to":"ops"}' --attempts 3 --wait`,
  });
  addJobOptions(submit)
    .option("--delay <time>", "let it wait for so long: 500ms, 90s, 30m, 24h, 7d", (text) => parseTime(text))
    .option("--idempotency-key <key>", "a second job of this type with the key is the first one")
    .option("--depends-on <ids...>", "jobs that have to complete first")
    .option("--ignore-dependency-failure", "start also when one of them does not complete")
    .option("--wait", "wait until it is finished, and show its result")
    .option("-f, --follow", "the same, and show what it logs")
    .option("--for <seconds>", "wait no longer than this", (text) => wholeNumber(text, 1, 1_000_000))
    .action(async (type: string, argument: string | undefined, flags: Flags, command: Command) => {
      const { client, output } = jobSession(command);
      const { delay: delayMs, idempotencyKey, dependsOn, ignoreDependencyFailure } = flags;
      const submitted = await client.call("job.submit", {
        ...{ type, payload: await readPayload(argument), ...jobFieldsOf(flags) },
        ...{ delayMs, idempotencyKey, dependsOn },
        onDependencyFailure: ignoreDependencyFailure ? "ignore" : undefined,
      });
      const { id } = submitted;
      if (!flags.wait && !flags.follow) return output.result(submitted, id);
      output.note(`job ${id}${submitted.created ? "" : " (submitted before)"}`);
      const forMs = flags.for && flags.for * 1000;
      writeOutcome(await follow({ id, client, output, logs: flags.follow, forMs }), output);
    });
}
