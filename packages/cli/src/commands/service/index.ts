import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addServiceDeregister } from "./deregister.js";
import { addServiceDiscover } from "./discover.js";
import { addServiceGet } from "./get.js";
import { addServiceHealth } from "./health.js";
import { addServiceHeartbeat } from "./heartbeat.js";
import { addServiceList } from "./list.js";
import { addServiceRegister } from "./register.js";
import { addServiceUpdate } from "./update.js";
import { addServiceWatch } from "./watch.js";

export function addServiceCommands(program: Command): void {
  const service = addNoun(program, "service", "registers services and finds them");
  addServiceRegister(service);
  addServiceDeregister(service);
  addServiceDiscover(service);
  addServiceList(service);
  addServiceGet(service);
  addServiceHeartbeat(service);
  addServiceHealth(service);
  addServiceUpdate(service);
  addServiceWatch(service);
}
