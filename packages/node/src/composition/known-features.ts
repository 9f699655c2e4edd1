import type { Feature } from "@aspen/feature";

/** A feature that the node can load by its name. */
export interface KnownFeature {
  /** What to install for it. */
  readonly package: string;
  /** On unless the configuration says otherwise. */
  readonly on: boolean;
  load(): Promise<{ readonly feature: Feature }>;
}

export type KnownFeatures = Readonly<Record<string, KnownFeature>>;

/** The only place that names the packages of features. */
export const KNOWN_FEATURES: KnownFeatures = {
  kv: { package: "@aspen/node", on: true, load: () => import("../features/kv.js") },
  blob: { package: "@aspen/node", on: true, load: () => import("../features/blob.js") },
  node: { package: "@aspen/node", on: true, load: () => import("../features/node.js") },
  auth: { package: "@aspen/node", on: true, load: () => import("../features/auth.js") },
  cluster: { package: "@aspen/node", on: true, load: () => import("../features/cluster.js") },
  health: { package: "@aspen/node", on: true, load: () => import("../features/health.js") },
  metrics: { package: "@aspen/node", on: true, load: () => import("../features/metrics.js") },
  tracing: { package: "@opentelemetry/api", on: false, load: () => import("../features/tracing.js") },
  // On where another requires it.
  plugins: { package: "@aspen/plugin-host", on: false, load: () => import("../features/plugins.js") },
  "plugins-wasm": { package: "@aspen/wasm-plugin", on: true, load: () => import("@aspen/wasm-plugin/feature") },
  "plugins-native": {
    package: "@aspen/plugin-host",
    on: false,
    load: () => import("@aspen/plugin-host/native/feature"),
  },
  "plugins-ipc": { package: "@aspen/ipc-plugin", on: false, load: () => import("@aspen/ipc-plugin/feature") },
  "service-registry": {
    package: "@aspen/plugins-service-registry",
    on: true,
    load: () => import("@aspen/plugins-service-registry/feature"),
  },
  // Behind the plugins: its jobs may call them, so that it starts after them and is drained first.
  jobs: { package: "@aspen/jobs", on: false, load: () => import("@aspen/jobs/feature") },
  "shell-worker": { package: "@aspen/jobs", on: false, load: () => import("@aspen/jobs/shell-worker") },
  "nix-worker": { package: "@aspen/jobs", on: false, load: () => import("@aspen/jobs/nix-worker") },
  forge: { package: "@aspen/plugins-forge", on: false, load: () => import("@aspen/plugins-forge/feature") },
  "wasm-worker": { package: "@aspen/wasm-plugin", on: false, load: () => import("@aspen/wasm-plugin/wasm-worker") },
};
