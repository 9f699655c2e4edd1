import type { CallerReview } from "@aspen/feature";
import { intersectGrants } from "@aspen/rpc-core";
import { grantOf } from "./host-context/host-context.js";
import { grantsOf } from "./plugin-rpc.js";
import type { PluginSupervisor } from "./supervisor/plugin-supervisor.js";

/** Plugins that asked for something before: they may still do of it what they are granted now. */
export function pluginReview(supervisor: Pick<PluginSupervisor, "get">): CallerReview {
  return {
    of: "plugin",
    /** @throws AspenError `PLUGIN_NOT_FOUND` when it is installed no more */
    review: async (caller) => {
      const granted = grantsOf(grantOf(supervisor.get(caller.id).manifest));
      return { ...caller, grants: intersectGrants(caller.grants, granted) };
    },
  };
}
