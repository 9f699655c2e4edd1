import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { jobSession } from "../../../job/job-session.js";
import { addListOptions, type ListFlags, listJobs } from "../../../job/list-jobs.js";

export function addDeadList(dead: Command): void {
  const list = addClientCommand(dead, {
    usage: "list",
    description: "lists dead letters",
    example: "job dead list --type report",
  }).option("--type <type>", "only jobs of this type");
  addListOptions(list).action(async ({ type, ...paging }: ListFlags & { type?: string }, command: Command) => {
    const { client, output } = jobSession(command);
    await listJobs(paging, output, (page) => client.call("job.dead.list", { type, ...page }));
  });
}
