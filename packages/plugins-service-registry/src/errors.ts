import { AspenError } from "@aspen/plugin-api";

/** The errors of this package's native part; those of the plugin come with its calls. */
export const registryErrors = {
  invalid: (field: string, problem: string) => new AspenError("INVALID_PARAMS", `${field} ${problem}`, { field }),
} as const;
