import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addJobCancel } from "./cancel.js";
import { addDeadCommands } from "./dead/index.js";
import { addJobFlow } from "./flow.js";
import { addJobGet } from "./get.js";
import { addJobList } from "./list.js";
import { addJobLogs } from "./logs.js";
import { addJobRemove } from "./remove.js";
import { addJobRetry } from "./retry.js";
import { addScheduleCommands } from "./schedule/index.js";
import { addJobStats } from "./stats.js";
import { addJobSubmit } from "./submit.js";
import { addJobWait } from "./wait.js";

export function addJobCommands(program: Command): void {
  const job = addNoun(program, "job", "submits jobs, follows and manages them");
  addJobSubmit(job);
  addJobFlow(job);
  addJobGet(job);
  addJobList(job);
  addJobWait(job);
  addJobLogs(job);
  addJobCancel(job);
  addJobRetry(job);
  addJobRemove(job);
  addJobStats(job);
  addDeadCommands(job);
  addScheduleCommands(job);
}
