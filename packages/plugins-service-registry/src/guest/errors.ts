import { AspenError } from "@aspen/guest-sdk";

/** What callers can do about it is in each message; none says a fencing token. */
export const registryErrors = {
  notFound: (service: string, id: string) =>
    new AspenError("SERVICE_NOT_FOUND", `${service} has no instance ${id}, or it has expired; register it`, {
      service,
      id,
    }),
  noCheck: (service: string, id: string, check: string) =>
    new AspenError("SERVICE_NOT_FOUND", `instance ${id} of ${service} has no check ${check}`, { service, id, check }),
  fenced: (service: string, id: string) =>
    new AspenError(
      "SERVICE_FENCED",
      `the fencing token is not that of instance ${id} of ${service}: somebody registered it anew; register it to take it back`,
      { service, id },
    ),
  conflict: (service: string, id: string, revision: number | null) =>
    new AspenError(
      "SERVICE_CONFLICT",
      `instance ${id} of ${service} is not what the caller expects; read it and decide again`,
      { service, id, revision },
    ),
  busy: (service: string) =>
    new AspenError("SERVICE_CONFLICT", `${service} changed too often during the call; try again`, { service }),
  full: (service: string, most: number) =>
    new AspenError("SERVICE_FULL", `${service} has ${most} instances; deregister some`, { service, most }),
} as const;
