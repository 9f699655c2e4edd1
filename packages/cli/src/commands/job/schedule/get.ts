import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { jobSession } from "../../../job/job-session.js";
import { printable } from "../../../output.js";

export function addScheduleGet(schedule: Command): void {
  addClientCommand(schedule, {
    usage: "get <name>",
    description: "shows everything of a schedule; times are milliseconds since the Unix epoch",
    example: "job schedule get nightly",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("job.schedule.get", { name });
    output.result(result, printable(JSON.stringify(result, null, 2)));
  });
}
