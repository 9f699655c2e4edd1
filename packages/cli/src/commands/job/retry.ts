import type { Command } from "commander";
import { addClientCommand } from "../../command.js";
import { jobSession } from "../../job/job-session.js";
import { jobLine } from "../../job/job-text.js";

export function addJobRetry(job: Command): void {
  addClientCommand(job, {
    usage: "retry <id>",
    description: "starts a failed, cancelled or dead job anew, with all of its attempts",
    example: "job retry 01890a5d-ac96-774b-bcce-b302099a8057",
  }).action(async (id: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("job.retry", { id });
    output.result(result, jobLine(result));
  });
}
