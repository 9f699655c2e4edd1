import type { PluginHealth } from "../runtime.js";

const REASON_MAX = 1024;

/** What `plugin_health` answered, of which nobody has checked a field. */
export function healthOf(answer: unknown): PluginHealth {
  const { state, message } = (answer ?? {}) as { state?: unknown; message?: unknown };
  if (state === "healthy") return { state };
  return { state: "degraded", message: typeof message === "string" ? message.slice(0, REASON_MAX) : "no reason given" };
}
