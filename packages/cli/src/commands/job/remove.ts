import type { Command } from "commander";
import { addClientCommand } from "../../command.js";
import { jobSession } from "../../job/job-session.js";

export function addJobRemove(job: Command): void {
  addClientCommand(job, {
    usage: "remove <id>",
    description: "forgets a finished job, its log and its result",
    example: "job remove 01890a5d-ac96-774b-bcce-b302099a8057",
  }).action(async (id: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    output.result(await client.call("job.remove", { id }), "removed");
  });
}
