import { AspenError, quoted } from "@aspen/plugin-api/abi";

/** The errors of this package. */
export const layersErrors = {
  invalid: (field: string, problem: string) => new AspenError("INVALID_PARAMS", `${field} ${problem}`, { field }),
  leaseLost: (key: string, why: string, cause?: unknown) =>
    new AspenError(
      "LEASE_LOST",
      `the lease ${quoted(key)} is no longer held: ${why}; acquire it again`,
      undefined,
      cause,
    ),
  memberTooLarge: (limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `a member's record is over ${limit} bytes; name fewer methods`, { limit }),
  membershipOver: (id: string, why: string) =>
    new AspenError("MEMBERSHIP_OVER", `${quoted(id)} is no member: ${why}; join anew, under an id of its own`, { id }),
  cancelled: (what: string) => new AspenError("CANCELLED", `the caller gave up ${what}`),
} as const;
