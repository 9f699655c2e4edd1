/** Reserved key prefixes that belong to the plugin of this package; it also names them as `kv_prefixes`. */
export const reservedPrefixes: readonly string[] = ["__service:"];
