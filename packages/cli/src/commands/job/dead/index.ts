import type { Command } from "commander";
import { addNoun } from "../../../global-options.js";
import { addDeadGet } from "./get.js";
import { addDeadList } from "./list.js";
import { addDeadPurge } from "./purge.js";
import { addDeadRedrive } from "./redrive.js";

export function addDeadCommands(job: Command): void {
  const dead = addNoun(job, "dead", "manages dead letters: jobs whose attempts are used up");
  addDeadList(dead);
  addDeadGet(dead);
  addDeadRedrive(dead);
  addDeadPurge(dead);
}
