import { AspenError } from "@aspen/plugin-api/abi";

/** The errors of a plugin that goes beyond what it may. */
export const limitErrors = {
  exceeded: (plugin: string, limit: string, most: number, what: string) =>
    new AspenError("LIMIT_EXCEEDED", `plugin ${plugin} has more ${what} than the ${most} that are allowed`, {
      ...{ plugin, limit, most },
    }),
  tooOften: (plugin: string, limit: string, perSecond: number, what: string, retryAfterMs: number) =>
    new AspenError(
      "RATE_LIMITED",
      `plugin ${plugin} has more ${what} than the ${perSecond} each second that are allowed; try again in ${retryAfterMs} ms`,
      { plugin, limit, perSecond, retryAfterMs },
    ),
  broken: (name: string, { state, code, retryAfterMs }: { state: string; code: string; retryAfterMs: number }) =>
    new AspenError(
      "PLUGIN_UNAVAILABLE",
      `plugin ${name} is out of service, because it failed again and again (${code}); ${state === "open" ? `it is tried again in ${retryAfterMs} ms` : "it is being tried again"}, or after \`aspen plugin enable\``,
      { name, code, retryAfterMs },
    ),
} as const;
