import type { Command } from "commander";
import { addClientCommand } from "../../command.js";
import { jobSession } from "../../job/job-session.js";
import { jobLine } from "../../job/job-text.js";

export function addJobCancel(job: Command): void {
  addClientCommand(job, {
    usage: "cancel <id>",
    description: "cancels a job; one that runs is stopped",
    example: "job cancel 01890a5d-ac96-774b-bcce-b302099a8057 --reason 'no longer needed'",
  })
    .option("--reason <text>", "why, for people")
    .action(async (id: string, { reason }: { reason?: string }, command: Command) => {
      const { client, output } = jobSession(command);
      const result = await client.call("job.cancel", { id, reason });
      output.result(result, result.cancelRequested ? `job ${id} is being stopped` : jobLine(result));
    });
}
