import type { ParamsOf } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { cliErrors } from "../../../errors.js";
import { addJobOptions, type JobFlags, jobFieldsOf } from "../../../job/job-options.js";
import { jobSession } from "../../../job/job-session.js";
import { readPayload } from "../../../job/payload.js";
import { addScheduleOptions, type ScheduleFlags, scheduleFieldsOf } from "../../../job/schedule-options.js";
import { scheduleLine } from "../../../job/schedule-text.js";

type Flags = ScheduleFlags & JobFlags & { type?: string; payload?: string };

export function addScheduleUpdate(schedule: Command): void {
  const update = addClientCommand(schedule, {
    usage: "update <name>",
    description: "changes what is given of a schedule",
    example: "job schedule update nightly --cron '0 4 * * *'",
  })
    .option("--type <type>", "another type of its jobs")
    .option("--payload <json>", "another payload of its jobs; @file: of a file, -: of stdin");
  addJobOptions(addScheduleOptions(update)).action(async (name: string, flags: Flags, command: Command) => {
    const { client, output } = jobSession(command);
    const { type, payload } = flags;
    const fields = {
      ...(type === undefined ? {} : { type }),
      ...(payload === undefined ? {} : { payload: await readPayload(payload) }),
      ...jobFieldsOf(flags),
    };
    const times = scheduleFieldsOf(flags);
    if (Object.keys({ ...times, ...fields }).length === 0) throw cliErrors.usage("give what is to be changed");
    // The job is replaced as a whole: what is not given stays as it is.
    const job =
      Object.keys(fields).length === 0
        ? {}
        : { job: { ...(await client.call("job.schedule.get", { name })).job, ...fields } };
    const result = await client.call("job.schedule.update", {
      ...{ name, ...times, ...job },
    } as ParamsOf<"job.schedule.update">);
    output.result(result, scheduleLine(result));
  });
}
