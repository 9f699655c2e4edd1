/** Checks that a plugin's tests run. @module */
export { checkPluginInfo, type PluginInfoCheck } from "./check-plugin-info.js";
export { type GuestCallResult, type GuestHost, GuestRunner } from "./guest-runner.js";
