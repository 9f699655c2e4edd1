import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { addWhichOptions, untilDone, type WhichFlags, whichOf } from "../../../job/dead-letters.js";
import { jobSession } from "../../../job/job-session.js";
import { counted } from "../../../output.js";

export function addDeadPurge(dead: Command): void {
  const purge = addClientCommand(dead, {
    usage: "purge [id]",
    description: "forgets one dead letter, or all of them (of a type)",
    example: "job dead purge --type report",
  });
  addWhichOptions(purge).action(async (id: string | undefined, flags: WhichFlags, command: Command) => {
    const which = whichOf(id, flags);
    const { client, output } = jobSession(command);
    const purged = await untilDone(async () => {
      const result = await client.call("job.dead.purge", which);
      return { done: result.purged, more: result.more };
    });
    output.result({ purged }, `purged ${counted(purged, "job")}`);
  });
}
