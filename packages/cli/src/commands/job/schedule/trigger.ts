import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { jobSession } from "../../../job/job-session.js";

export function addScheduleTrigger(schedule: Command): void {
  addClientCommand(schedule, {
    usage: "trigger <name>",
    description: "submits a job of a schedule now, also of one that is paused; shows its id",
    example: "job schedule trigger nightly",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("job.schedule.trigger", { name });
    output.result(result, result.id);
  });
}
