import { AspenError, cut } from "@aspen/plugin-api/abi";
import { callErrors } from "@aspen/plugin-host";

/** The errors of this package: all of them `PLUGIN_*` codes of calls and starts. */
export const ipcErrors = {
  noStart: (plugin: string, problem: string) => callErrors.unavailable(plugin, `it was not started: ${problem}`),
  ended: (plugin: string, how: string) =>
    callErrors.unavailable(plugin, `its process ended ${how}; it is started again for the next call, so try again`),
  waiting: (plugin: string, ms: number) =>
    callErrors.unavailable(
      plugin,
      `its process keeps ending; it is started again in ${Math.ceil(ms)} ms at the soonest`,
    ),
  isolation: (plugin: string) =>
    new AspenError(
      "MANIFEST_INVALID",
      `plugin ${plugin} cannot run in a process of its own: its plugin.json asks for a fresh instance for every call ("isolation": "call"), which only WASM has`,
      { plugin },
    ),
  trap: (plugin: string, problem: string) => callErrors.trap(plugin, cut(problem, 512)),
  invalidResponse: callErrors.invalidResponse,
} as const;
