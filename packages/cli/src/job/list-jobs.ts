import { type Command, Option } from "commander";
import { wholeNumber } from "../command.js";
import type { Output } from "../output.js";
import { jobTable, type ShownJob } from "./job-text.js";

export interface ListFlags {
  limit?: number;
  after?: string;
  all?: boolean;
}

export interface Page {
  jobs: ShownJob[];
  cursor: string | null;
}

const DEFAULT_LIMIT = 100;

export function addListOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--limit <n>", `most jobs that are listed, 1 to 1000 (${DEFAULT_LIMIT} unless given)`)
        .argParser((text) => wholeNumber(text, 1, 1000))
        .conflicts("all"),
    )
    .addOption(new Option("--after <cursor>", "go on where the page before ended").conflicts("all"))
    .option("--all", "list all of them, page by page; with --json a line for each page");
}

/**
 * Lists a page, or all. A page of the node can be shorter than what was asked for: it is filled up from those that follow.
 */
export async function listJobs(
  { limit = DEFAULT_LIMIT, after, all = false }: ListFlags,
  output: Output,
  next: (paging: { limit: number; after: string | undefined }) => Promise<Page>,
): Promise<void> {
  let head = true;
  let cursor: string | null | undefined = after;
  let jobs: ShownJob[] = [];
  do {
    const page: Page = await next({ limit: limit - jobs.length, after: cursor ?? undefined });
    jobs.push(...page.jobs);
    ({ cursor } = page);
    if (all && (jobs.length > 0 || (cursor === null && head))) {
      output.result({ jobs, cursor }, jobTable(jobs, head));
      [jobs, head] = [[], false];
    }
  } while (cursor !== null && (all || jobs.length < limit));
  if (all) return;
  output.result({ jobs, cursor }, jobTable(jobs));
  if (cursor !== null) output.note(`more: --after ${cursor}`);
}
