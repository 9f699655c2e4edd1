/** The tiers that run plugins, and the feature of a node that brings each. */
export const TIER_FEATURES = {
  wasm: "plugins-wasm",
  native: "plugins-native",
  ipc: "plugins-ipc",
} as const;

/** `entry.kind` of a manifest. */
export type PluginTierName = keyof typeof TIER_FEATURES;
