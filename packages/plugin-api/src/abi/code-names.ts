/** Custom section of a plugin's wasm that holds the source map of its code, without the sources. */
export const SOURCE_MAP_SECTION = "aspen.sourcemap";
/** Name under which a plugin's bundled code appears in its stack traces. */
export const BUNDLE_NAME = "plugin.js";
