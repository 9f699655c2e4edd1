import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addPluginBuild } from "./build.js";
import { addPluginDeadEvents, addPluginPurge, addPluginRedrive } from "./dead-events.js";
import { addPluginDisable } from "./disable.js";
import { addPluginEnable } from "./enable.js";
import { addPluginInfo } from "./info.js";
import { addPluginInstall } from "./install.js";
import { addPluginList } from "./list.js";
import { addPluginLogs } from "./logs.js";
import { addPluginReload } from "./reload.js";
import { addPluginRemove } from "./remove.js";

export function addPluginCommands(program: Command): void {
  const plugin = addNoun(program, "plugin", "builds, installs and manages plugins");
  addPluginBuild(plugin);
  addPluginInstall(plugin);
  addPluginList(plugin);
  addPluginInfo(plugin);
  addPluginLogs(plugin);
  addPluginDeadEvents(plugin);
  addPluginRedrive(plugin);
  addPluginPurge(plugin);
  addPluginEnable(plugin);
  addPluginDisable(plugin);
  addPluginRemove(plugin);
  addPluginReload(plugin);
}
