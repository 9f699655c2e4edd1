import type { ParamsOf } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { addJobOptions, type JobFlags, jobFieldsOf } from "../../../job/job-options.js";
import { jobSession } from "../../../job/job-session.js";
import { readPayload } from "../../../job/payload.js";
import { addScheduleOptions, type ScheduleFlags, scheduleFieldsOf } from "../../../job/schedule-options.js";
import { scheduleLine } from "../../../job/schedule-text.js";

type Flags = ScheduleFlags & JobFlags & { replace?: boolean };

export function addScheduleCreate(schedule: Command): void {
  const create = addClientCommand(schedule, {
    usage: "create <name> <type> [payload]",
    description:
      "submits a job by a crontab or at an interval, with JSON as its payload (@file: of a file, -: of stdin)",
    example: `job schedule create nightly report '{"to":"ops"}' --cron "30 2 * * *" --time-zone Europe/Berlin`,
  });
  addJobOptions(addScheduleOptions(create))
    .option("--replace", "also when there is a schedule of this name, which gets these options")
    .action(
      async (
        name: string,
        type: string,
        argument: string | undefined,
        flags: Flags,
        command: Command,
      ): Promise<void> => {
        const { client, output } = jobSession(command);
        const job = { type, payload: await readPayload(argument), ...jobFieldsOf(flags) };
        const params = { name, ...scheduleFieldsOf(flags), job, replace: flags.replace };
        const result = await client.call("job.schedule.create", params as ParamsOf<"job.schedule.create">);
        output.result(result, scheduleLine(result));
      },
    );
}
