import satisfies from "semver/functions/satisfies.js";
import type { Instance } from "./instance.js";

/** What instances must be; nothing given matches all. */
export interface InstanceFilter {
  /** Only those whose status is passing. @default false */
  healthy?: boolean | undefined;
  /** Every one of these tags. */
  tags?: readonly string[] | undefined;
  /** At least one of these tags. */
  anyTag?: readonly string[] | undefined;
  /** A semver range, such as `^1.2`; instances without a version match none. */
  version?: string | undefined;
  /** Each key with this value. */
  metadata?: Readonly<Record<string, string>> | undefined;
  zone?: string | undefined;
}

export function matches(instance: Instance, filter: InstanceFilter): boolean {
  const { healthy = false, tags, anyTag, version, metadata, zone } = filter;
  return (
    (!healthy || instance.status === "passing") &&
    (zone === undefined || instance.zone === zone) &&
    (tags === undefined || tags.every((tag) => instance.tags.includes(tag))) &&
    (anyTag === undefined || anyTag.some((tag) => instance.tags.includes(tag))) &&
    (metadata === undefined ||
      Object.entries(metadata).every(
        ([key, value]) => Object.hasOwn(instance.metadata, key) && instance.metadata[key] === value,
      )) &&
    (version === undefined || (instance.version !== null && satisfies(instance.version, version)))
  );
}
