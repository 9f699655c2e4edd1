import type { Meter } from "@aspen/feature";
import type { PluginSupervisor } from "./supervisor/plugin-supervisor.js";

/** How many plugins are in which state on this node. */
export function pluginMeter(supervisor: Pick<PluginSupervisor, "list">): Meter {
  return {
    name: "aspen_plugins",
    help: "Installed plugins by their state on this node.",
    kind: "gauge",
    collect: () => {
      const states = new Map<string, number>();
      for (const { state } of supervisor.list()) states.set(state, (states.get(state) ?? 0) + 1);
      return [...states].map(([state, value]) => ({ value, labels: { state } }));
    },
  };
}
