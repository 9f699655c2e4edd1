import type { Command } from "commander";
import { addClientCommand, wholeNumber } from "../../command.js";
import { follow, LogReader } from "../../job/follow.js";
import { jobSession } from "../../job/job-session.js";
import { jobLine } from "../../job/job-text.js";

interface Flags {
  follow?: boolean;
  for?: number;
}

export function addJobLogs(job: Command): void {
  addClientCommand(job, {
    usage: "logs <id>",
    description: "shows what a job logged; with --json a line of JSON for each of its lines",
    example: "job logs -f 01890a5d-ac96-774b-bcce-b302099a8057",
  })
    .option("-f, --follow", "go on until the job is finished")
    .option("--for <seconds>", "follow no longer than this", (text) => wholeNumber(text, 1, 1_000_000))
    .action(async (id: string, flags: Flags, command: Command) => {
      const { client, output } = jobSession(command);
      if (!flags.follow) {
        // A job that is not there has no log, and that is not the same as an empty one.
        await client.call("job.get", { id });
        return new LogReader(client, id, output).read();
      }
      const forMs = flags.for && flags.for * 1000;
      output.note(jobLine(await follow({ id, client, output, logs: true, forMs })));
    });
}
