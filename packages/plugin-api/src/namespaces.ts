/** Prefixes of the node's own records, by what keeps them there. No plugin, no official one either, and no `kv.*` method reaches them. */
const NODE_OWNERS: Readonly<Record<string, string>> = {
  "__sys:": "the node",
  "__beats:": "the node",
  "__delivery:": "the node",
  "__timers:": "the node",
  "__jobs:": "the job queue",
  "__jobs-signal:": "the job queue",
  "__consul:": "the service registry's Consul interface",
};

/** Prefixes that belong to the official plugins and the node; no other plugin may claim or overlap them. */
export const RESERVED_PREFIXES: Readonly<Record<string, string>> = {
  "forge:": "the official forge plugin",
  "__hooks:": "the official hooks plugin",
  "__service:": "the official service-registry plugin",
  ...NODE_OWNERS,
};

/** Those of {@link RESERVED_PREFIXES} that belong to the node itself: only its own methods reach them. */
export const NODE_PREFIXES: readonly string[] = Object.keys(NODE_OWNERS);

/** True for a key, or a prefix, that lies within one of {@link NODE_PREFIXES}. */
export function isNodeKey(key: string): boolean {
  return isKeyAllowed(NODE_PREFIXES, key);
}

/** Characters a prefix may end in. */
export const PREFIX_SEPARATORS = [":", "/"] as const;

/** The prefix of a plugin that asks for none: `__plugin:{name}:`. */
export function defaultKvPrefix(pluginName: string): string {
  return `__plugin:${pluginName}:`;
}

/** The prefixes a plugin may use: those it asks for, or exactly its default one when it asks for none. */
export function withKvPrefixes(pluginName: string, kvPrefixes: readonly string[]): readonly string[] {
  return kvPrefixes.length > 0 ? [...kvPrefixes] : [defaultKvPrefix(pluginName)];
}

/** Two prefixes overlap when some key starts with both. */
export function prefixesOverlap(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

/** True when `key` starts with an allowed prefix. */
export function isKeyAllowed(allowed: readonly string[], key: string): boolean {
  return allowed.some((prefix) => key.startsWith(prefix));
}

/** True when a scan of `prefix` can only meet keys of an allowed prefix: it must itself start with one. */
export function isScanPrefixAllowed(allowed: readonly string[], prefix: string): boolean {
  return isKeyAllowed(allowed, prefix);
}

/**
 * The namespace of a key: up to and including its first `:` (for `__plugin:{name}:` the second);
 * the whole key when it has none. Versions and transactions are per namespace.
 */
export function namespaceOf(key: string): string {
  let end = key.indexOf(":");
  if (end >= 0 && key.startsWith("__plugin:")) {
    const second = key.indexOf(":", end + 1);
    if (second >= 0) end = second;
  }
  return end < 0 ? key : key.slice(0, end + 1);
}

/** What all keys of a namespace's event log begin with: its events, and what is known of their trimming. */
export function eventLogPrefix(namespace: string): string {
  return `${namespace}__events`;
}

/** The namespaces that belong to one of the prefixes as a whole, so that their event logs do too; in their order. */
export function wholeNamespaces(kvPrefixes: readonly string[]): string[] {
  return kvPrefixes.filter((prefix) => prefix.endsWith(":") && namespaceOf(prefix) === prefix);
}

/** True for a key, or a prefix, that lies within the event log of its namespace. */
export function isEventLogKey(key: string): boolean {
  const namespace = namespaceOf(key);
  return namespace.endsWith(":") && key.startsWith(eventLogPrefix(namespace));
}

/** Why `prefix` may not be claimed by `pluginName`, to which some reserved ones may belong, or null when it may. */
export function prefixProblem(pluginName: string, prefix: string, own: readonly string[] = []): string | null {
  if (!PREFIX_SEPARATORS.some((separator) => prefix.endsWith(separator))) {
    return `prefix ${JSON.stringify(prefix)} must end in a separator (":" or "/")`;
  }
  for (const [reserved, owner] of Object.entries(RESERVED_PREFIXES)) {
    if (own.includes(reserved) && prefix.startsWith(reserved)) continue;
    if (prefixesOverlap(prefix, reserved)) {
      return `prefix ${JSON.stringify(prefix)} overlaps ${JSON.stringify(reserved)}, which is reserved for ${owner}`;
    }
  }
  if (prefixesOverlap(prefix, "__plugin:") && !prefix.startsWith(defaultKvPrefix(pluginName))) {
    return `prefix ${JSON.stringify(prefix)} lies in another plugin's default namespace`;
  }
  return null;
}
