import { namespaceOf } from "@aspen/plugin-api";
import { layersErrors } from "../errors.js";

export interface MembershipOptions {
  /** Keys of the records begin with it; its namespace is watched. @default "members:member:" */
  recordPrefix?: string;
  /** Keys of the signs of life begin with it. Its namespace must be another, and should be watched by nobody. @default "member-beats:" */
  beatPrefix?: string;
  /** Milliseconds between two signs of life, and between two looks at those of others; 10 to 3,600,000. @default 2500 */
  beatMs?: number;
  /** Milliseconds without a sign of life after which a member is gone; at least twice `beatMs`. @default three times `beatMs` */
  ttlMs?: number;
  /** Nobody else uses the store, so that the members which it has at the start were left over, and are removed. @default false */
  sole?: boolean;
  /** Hears of what fails in the background; it is tried again. @default nobody does */
  onError?(error: unknown): void;
  /** Hears that all that had failed in the background works again. @default nobody does */
  onRecovered?(): void;
}

/** @throws AspenError `INVALID_PARAMS` */
export function resolveMembershipOptions(options: MembershipOptions): Required<MembershipOptions> {
  const { recordPrefix = "members:member:", beatPrefix = "member-beats:", beatMs = 2500 } = options;
  const { ttlMs = 3 * beatMs, sole = false } = options;
  const { onError = () => undefined, onRecovered = () => undefined } = options;
  for (const [field, prefix] of Object.entries({ recordPrefix, beatPrefix })) {
    if (!namespaceOf(prefix).endsWith(":") || prefix.length > 512) {
      throw layersErrors.invalid(field, 'must hold a namespace, such as "members:", and have at most 512 characters');
    }
  }
  if (namespaceOf(recordPrefix) === namespaceOf(beatPrefix)) {
    throw layersErrors.invalid("beatPrefix", "must be of another namespace than recordPrefix");
  }
  if (!(Number.isInteger(beatMs) && beatMs >= 10 && beatMs <= 3_600_000)) {
    throw layersErrors.invalid("beatMs", "must be a whole number of milliseconds from 10 to 3,600,000");
  }
  if (!(Number.isInteger(ttlMs) && ttlMs >= 2 * beatMs && ttlMs <= 86_400_000)) {
    throw layersErrors.invalid("ttlMs", "must be a whole number of milliseconds, at least twice beatMs");
  }
  return { recordPrefix, beatPrefix, beatMs, ttlMs, sole, onError, onRecovered };
}
