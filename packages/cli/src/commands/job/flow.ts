import type { Command } from "commander";
import { addClientCommand } from "../../command.js";
import { cliErrors } from "../../errors.js";
import { jobSession } from "../../job/job-session.js";
import { readPayload } from "../../job/payload.js";

export function addJobFlow(job: Command): void {
  addClientCommand(job, {
    usage: "flow <jobs>",
    description:
      "submits jobs that depend on each other, all or none: a JSON list (@file: of a file, -: of stdin) of jobs with name, type and dependsOn; shows their ids",
    example: `job flow '[{"name":"build","type":"shell","payload":{"command":"make"}},{"name":"report","type":"mail","dependsOn":["build"]}]'`,
  }).action(async (argument: string, _options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const jobs = await readPayload(argument);
    if (!Array.isArray(jobs)) throw cliErrors.usage("jobs must be a JSON list, such as [{ name, type, dependsOn }]");
    const result = await client.call("job.flow.submit", { jobs });
    const lines = Object.entries(result.ids).map(([name, id]) => `${name}\t${id}`);
    output.result(result, lines.join("\n"));
  });
}
