/** Bounds of what is registered. Sizes are characters, times milliseconds. */
export const REGISTRY_LIMITS = {
  name: 128,
  address: 255,
  tags: 64,
  tag: 128,
  metadata: 64,
  metadataKey: 128,
  metadataValue: 512,
  /** Of all keys and values together. */
  metadataTotal: 16_384,
  checks: 16,
  output: 4096,
  ttlLeastMs: 1000,
  ttlMostMs: 86_400_000,
  ttlDefaultMs: 30_000,
  weight: 65_535,
  /** Instances that one call renews. */
  renew: 500,
  pageDefault: 100,
  page: 1000,
} as const;
