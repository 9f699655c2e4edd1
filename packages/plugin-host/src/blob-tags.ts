/**
 * The tag of a plugin's code, for one installation or update: each has its own, so that one that fails takes back its
 * reference and nobody else's, also when both have the same code.
 */
export function codeTag(plugin: string, change: string): string {
  return `plugin:${plugin}:code:${change}`;
}

/** The tag of what a plugin stores itself. It stays when the plugin is removed, as its keys do. */
export function dataTag(plugin: string): string {
  return `plugin:${plugin}:data`;
}
