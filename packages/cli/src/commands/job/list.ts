import { type Command, Option } from "commander";
import { addClientCommand } from "../../command.js";
import { jobSession } from "../../job/job-session.js";
import type { ShownJob } from "../../job/job-text.js";
import { addListOptions, type ListFlags, listJobs } from "../../job/list-jobs.js";

const STATUSES: readonly ShownJob["status"][] = [
  ...(["pending", "scheduled", "running", "retrying"] as const),
  ...(["completed", "failed", "cancelled", "dead_letter"] as const),
];

interface Flags extends ListFlags {
  status?: ShownJob["status"];
  type?: string;
  group?: string;
  submitter?: string;
}

export function addJobList(job: Command): void {
  const list = addClientCommand(job, {
    usage: "list",
    description: "lists jobs, the newest first unless --status is given",
    example: "job list --status failed --type report --limit 20",
  })
    .addOption(new Option("--status <status>", "only jobs in this status").choices(STATUSES))
    .option("--type <type>", "only jobs of this type")
    .option("--group <name>", "only jobs of this group")
    .option("--submitter <who>", "only jobs that this one submitted, such as plugin:shop or token:ID");
  addListOptions(list).action(async ({ status, type, group, submitter, ...paging }: Flags, command: Command) => {
    const { client, output } = jobSession(command);
    await listJobs(paging, output, (page) => client.call("job.list", { status, type, group, submitter, ...page }));
  });
}
