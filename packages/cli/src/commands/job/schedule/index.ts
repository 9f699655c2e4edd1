import type { Command } from "commander";
import { addNoun } from "../../../global-options.js";
import { addScheduleCreate } from "./create.js";
import { addScheduleGet } from "./get.js";
import { addScheduleList } from "./list.js";
import { addSchedulePause } from "./pause.js";
import { addScheduleRemove } from "./remove.js";
import { addScheduleResume } from "./resume.js";
import { addScheduleTrigger } from "./trigger.js";
import { addScheduleUpdate } from "./update.js";

export function addScheduleCommands(job: Command): void {
  const schedule = addNoun(job, "schedule", "manages schedules, which submit jobs by a crontab or at an interval");
  addScheduleCreate(schedule);
  addScheduleGet(schedule);
  addScheduleList(schedule);
  addScheduleUpdate(schedule);
  addSchedulePause(schedule);
  addScheduleResume(schedule);
  addScheduleTrigger(schedule);
  addScheduleRemove(schedule);
}
