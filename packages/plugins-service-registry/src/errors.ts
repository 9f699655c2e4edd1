import { AspenError, thrownError } from "@aspen/plugin-api";

/** The errors of this package's native part; those of the plugin come with its calls. */
export const registryErrors = {
  invalid: (field: string, problem: string) => new AspenError("INVALID_PARAMS", `${field} ${problem}`, { field }),
  dnsAddress: (host: string, port: number, cause: unknown) =>
    new AspenError(
      "CONFIG_INVALID",
      `features.service-registry.dns.listen: cannot listen on ${host}:${port}: ${thrownError(cause).message}`,
      { field: "features.service-registry.dns.listen" },
      cause,
    ),
} as const;
