import { AspenError } from "@aspen/plugin-api/abi";

/** The errors of a plugin that goes beyond what it may. */
export const limitErrors = {
  handleUnknown: (kind: "handle" | "ticket", value: number) =>
    new AspenError(
      "HANDLE_UNKNOWN",
      `${kind} ${value} is none of this call: it was closed, was used up, or never given out`,
      { [kind]: value },
    ),
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
  tooManyOf: (what: string, most: number, limit: string) =>
    new AspenError("LIMIT_EXCEEDED", `there are more ${what} than the ${most} that are allowed`, { limit, most }),
  broken: (name: string, { state, code, retryAfterMs }: { state: string; code: string; retryAfterMs: number }) =>
    new AspenError(
      "PLUGIN_UNAVAILABLE",
      `plugin ${name} is out of service, because it failed again and again (${code}); ${state === "open" ? `it is tried again in ${retryAfterMs} ms` : "it is being tried again"}, or after \`aspen plugin enable\``,
      { name, code, retryAfterMs },
    ),
} as const;
