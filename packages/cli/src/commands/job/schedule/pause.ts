import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { jobSession } from "../../../job/job-session.js";
import { scheduleLine } from "../../../job/schedule-text.js";

export function addSchedulePause(schedule: Command): void {
  addClientCommand(schedule, {
    usage: "pause <name>",
    description: "lets no job come until the schedule is resumed",
    example: "job schedule pause nightly",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("job.schedule.pause", { name });
    output.result(result, scheduleLine(result));
  });
}
