import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { jobSession } from "../../../job/job-session.js";
import { scheduleLine } from "../../../job/schedule-text.js";

export function addScheduleResume(schedule: Command): void {
  addClientCommand(schedule, {
    usage: "resume <name>",
    description: "goes on with the next run after now",
    example: "job schedule resume nightly",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("job.schedule.resume", { name });
    output.result(result, scheduleLine(result));
  });
}
