import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { jobSession } from "../../../job/job-session.js";
import { jobText } from "../../../job/job-text.js";

export function addDeadGet(dead: Command): void {
  addClientCommand(dead, {
    usage: "get <id>",
    description: "shows a dead letter, with the failure that made it one",
    example: "job dead get 01890a5d-ac96-774b-bcce-b302099a8057",
  }).action(async (id: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("job.dead.get", { id });
    output.result(result, jobText(result));
  });
}
