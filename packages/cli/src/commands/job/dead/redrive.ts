import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { addWhichOptions, type WhichFlags, whichOf } from "../../../job/dead-letters.js";
import { jobSession } from "../../../job/job-session.js";
import { counted } from "../../../output.js";

export function addDeadRedrive(dead: Command): void {
  const redrive = addClientCommand(dead, {
    usage: "redrive [id]",
    description: "starts one dead letter anew, or up to 1,000 of them (of a type)",
    example: "job dead redrive --type report",
  });
  addWhichOptions(redrive).action(async (id: string | undefined, flags: WhichFlags, command: Command) => {
    const which = whichOf(id, flags);
    const { client, output } = jobSession(command);
    const result = await client.call("job.dead.redrive", which);
    output.result(result, `redriven ${counted(result.redriven, "job")}`);
    // Not repeated here: jobs that fail at once would be redriven for ever.
    if (result.more) output.note("there may be more: run it again");
  });
}
