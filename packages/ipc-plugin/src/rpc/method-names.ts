import type { GuestExport } from "@aspen/plugin-api/abi";

/** The method of the service `Plugin` for each export. */
export const METHODS = {
  plugin_init: "Init",
  handle_request: "HandleRequest",
  plugin_health: "Health",
  plugin_on_timer: "OnTimer",
  plugin_on_hook_event: "OnHookEvent",
  plugin_shutdown: "Shutdown",
} as const satisfies Partial<Record<GuestExport, string>>;

export type CalledExport = keyof typeof METHODS;
