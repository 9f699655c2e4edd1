import type { Command } from "commander";
import { addClientCommand, wholeNumber } from "../../command.js";
import { follow, writeOutcome } from "../../job/follow.js";
import { jobSession } from "../../job/job-session.js";

export function addJobWait(job: Command): void {
  addClientCommand(job, {
    usage: "wait <id>",
    description: "waits until a job is finished; shows its result, or fails with its error",
    example: "job wait 01890a5d-ac96-774b-bcce-b302099a8057 --for 600",
  })
    .option("--for <seconds>", "wait no longer than this", (text) => wholeNumber(text, 1, 1_000_000))
    .action(async (id: string, flags: { for?: number }, command: Command) => {
      const { client, output } = jobSession(command);
      writeOutcome(await follow({ id, client, output, forMs: flags.for && flags.for * 1000 }), output);
    });
}
