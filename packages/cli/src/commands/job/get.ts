import type { Command } from "commander";
import { addClientCommand } from "../../command.js";
import { jobSession } from "../../job/job-session.js";
import { jobText } from "../../job/job-text.js";

export function addJobGet(job: Command): void {
  addClientCommand(job, {
    usage: "get <id>",
    description: "shows everything of a job; times are milliseconds since the Unix epoch",
    example: "job get 01890a5d-ac96-774b-bcce-b302099a8057",
  }).action(async (id: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("job.get", { id });
    output.result(result, jobText(result));
  });
}
