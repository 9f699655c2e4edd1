/** A tier that runs plugins. Its whole contract is `PluginRuntime` of `@aspen/plugin-host`. */
export interface PluginTier extends AsyncDisposable {
  /** `entry.kind` of the plugins that it runs. */
  readonly tier: "native" | "wasm" | "ipc";
}

/**
 * What a feature gives to host functions of every tier: an event log, timers, a signer. The table of ports and their
 * types is `HostPorts` of `@aspen/plugin-host`, to which a package adds its own by declaration merging.
 */
export interface HostPort {
  readonly name: string;
  readonly service: unknown;
}
