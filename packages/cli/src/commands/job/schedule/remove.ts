import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { jobSession } from "../../../job/job-session.js";

export function addScheduleRemove(schedule: Command): void {
  addClientCommand(schedule, {
    usage: "remove <name>",
    description: "forgets a schedule; its jobs stay",
    example: "job schedule remove nightly",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    output.result(await client.call("job.schedule.remove", { name }), "removed");
  });
}
