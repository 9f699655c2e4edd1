import type { Command } from "commander";
import { addClientCommand } from "../../command.js";
import { jobSession } from "../../job/job-session.js";
import { table } from "../../output.js";

export function addJobStats(job: Command): void {
  addClientCommand(job, {
    usage: "stats",
    description: "counts jobs by status and by type",
    example: "job stats",
  }).action(async (_options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("job.stats", {});
    const { byStatus, byType, countedTo } = result;
    const count = (value: number) => `${value}${value >= countedTo ? " or more" : ""}`;
    const statuses = Object.entries(byStatus).map(([status, value]) => [status, count(value)]);
    const types = Object.entries(byType).map(([type, { waiting, running }]) => [type, count(waiting), count(running)]);
    const ofTypes = types.length === 0 ? "" : `\n\n${table(["TYPE", "WAITING", "RUNNING"], types)}`;
    output.result(result, table(["STATUS", "JOBS"], statuses) + ofTypes);
  });
}
