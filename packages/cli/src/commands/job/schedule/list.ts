import type { Command } from "commander";
import { addClientCommand, wholeNumber } from "../../../command.js";
import { jobSession } from "../../../job/job-session.js";
import { scheduleTable } from "../../../job/schedule-text.js";

export function addScheduleList(schedule: Command): void {
  addClientCommand(schedule, {
    usage: "list",
    description: "lists one page of the schedules by name, with the next run and the last one",
    example: "job schedule list",
  })
    .option("--limit <n>", "most schedules of the page", (text) => wholeNumber(text, 1, 1000))
    .option("--after <cursor>", "go on where the page before ended")
    .action(async ({ limit, after }: { limit?: number; after?: string }, command: Command) => {
      const { client, output } = jobSession(command);
      const result = await client.call("job.schedule.list", { limit, after });
      output.result(result, scheduleTable(result.schedules));
      if (result.cursor !== null) output.note(`more: --after ${result.cursor}`);
    });
}
