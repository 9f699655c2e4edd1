import { AspenError, cut, LIMITS, type PluginTierName, quoted, TIER_FEATURES } from "@aspen/plugin-api/abi";
import type { StartDeath } from "./plugin-store/plugin-record.js";

/** Characters of what a plugin says of itself. */
const WORDS_MAX = 4096;

/** The errors of host calls. */
export const hostErrors = {
  invalidArgument: (name: string, problem: string, cause?: unknown) =>
    new AspenError("INVALID_PARAMS", `${cut(name)} ${cut(problem, 512)}`, { parameter: cut(name) }, cause),
  keyTooLong: (bytes: number) =>
    new AspenError("KV_KEY_INVALID", `a key of ${bytes} bytes cannot be used; at most ${LIMITS.keyBytes} are allowed`, {
      bytes,
      limit: LIMITS.keyBytes,
    }),
  permissionDenied: (plugin: string, hostFunction: string, permission: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `plugin ${plugin} may not call ${hostFunction}: it lacks the permission ${permission}; add it to "permissions" in plugin.json and install again`,
      { plugin, hostFunction, permission },
    ),
  featureOff: (hostFunction: string, feature: string) =>
    new AspenError(
      "FEATURE_OFF",
      `${hostFunction} needs the feature ${feature}, which is off on this node; turn it on in the node's configuration`,
      { hostFunction, feature },
    ),
  eventLogKey: (kind: "key" | "prefix", value: string) =>
    new AspenError(
      "KV_NAMESPACE_DENIED",
      `${kind} ${quoted(value)} belongs to the event log of its namespace, which a plugin reads and does not write; use a ${kind} that does not begin with "__events" behind its namespace`,
      { [kind]: cut(value, LIMITS.keyBytes) },
    ),
  noEventNamespace: (plugin: string, namespace: string | undefined) =>
    new AspenError(
      "KV_NAMESPACE_DENIED",
      namespace === undefined
        ? `plugin ${plugin} has no namespace for its events; add a whole one to "kv_prefixes" in plugin.json, such as "app:"`
        : `plugin ${plugin} may not emit events in the namespace ${quoted(namespace)}, which is not its own as a whole`,
      { plugin, prefix: cut(namespace ?? "", LIMITS.keyBytes) },
    ),
  tooManyEvents: (count: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `a transaction with ${count} events cannot be made; at most ${LIMITS.eventsPerTransaction} are allowed`,
      { count, limit: LIMITS.eventsPerTransaction },
    ),
  noCaller: (hostFunction: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `${hostFunction} can be called while the plugin answers a request, a timer or an event, and not when it starts, stops or says how it is: nobody has called it then`,
      { hostFunction },
    ),
  cycle: (through: readonly string[], plugin: string) =>
    new AspenError("RPC_CYCLE", `plugins call each other in a ring: ${[...through, plugin].join(", ")}`, {
      plugins: [...through, plugin],
    }),
  tooDeep: (through: readonly string[], plugin: string) =>
    new AspenError(
      "RPC_TOO_DEEP",
      `plugin ${plugin} may not call another one: ${LIMITS.rpcDepth} plugins have called each other already: ${through.join(", ")}`,
      { plugins: [...through], limit: LIMITS.rpcDepth },
    ),
  tooManyTimers: (plugin: string) =>
    new AspenError(
      "TOO_MANY_TIMERS",
      `plugin ${plugin} has ${LIMITS.timers} timers already that are not over; cancel one of them first`,
      { plugin, limit: LIMITS.timers },
    ),
  handleUnknown: (kind: "handle" | "ticket", value: number) =>
    new AspenError(
      "HANDLE_UNKNOWN",
      `${kind} ${value} is none of this call: it was closed, was used up, or never given out`,
      { [kind]: value },
    ),
  tooManyOf: (what: string, most: number, limit: string) =>
    new AspenError("LIMIT_EXCEEDED", `there are more ${what} than the ${most} that are allowed`, { limit, most }),
  unknownHostFunction: (name: string) =>
    new AspenError("INVALID_PARAMS", `there is no host function ${cut(name)}`, { name: cut(name) }),
  parameterTooLarge: (name: string, bytes: number, limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `${name} has ${bytes} bytes; at most ${limit} are allowed`, { bytes, limit }),
  argumentsTooLarge: (name: string, bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the parameters of ${name} have ${bytes} bytes; at most ${LIMITS.messageBytes} are allowed`,
    ),
  resultTooLarge: (bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the result has ${bytes} bytes; at most ${LIMITS.messageBytes} are allowed: ask for less at once`,
    ),
} as const;

/** The errors of installing and running plugins. */
export const pluginErrors = {
  portTaken: (name: string) =>
    new AspenError("CONFIG_INVALID", `two features give host functions ${quoted(name)}; rename one of the ports`, {
      port: name,
    }),
  configInvalid: (name: string, problems: readonly { field: string; rule: string }[]) =>
    new AspenError(
      "CONFIG_INVALID",
      `the configuration of plugin ${name} breaks its config_schema: ${cut(problems.map(({ field, rule }) => `${cut(field)}: ${cut(rule, 512)}`).join("; "), WORDS_MAX)}`,
      {
        name,
        problems: problems.slice(0, 100).map(({ field, rule }) => ({ field: cut(field), rule: cut(rule, 512) })),
      },
    ),
  schemaUnusable: (name: string, cause: unknown) =>
    new AspenError(
      "MANIFEST_INVALID",
      `the config_schema of plugin ${name} cannot be used: ${cut(cause instanceof Error ? cause.message : String(cause), 512)}`,
      { problems: [{ field: "config_schema", rule: "must be a JSON Schema that can be checked within a second" }] },
      cause,
    ),
  notFound: (name: string) =>
    new AspenError(
      "PLUGIN_NOT_FOUND",
      `no plugin named ${cut(name)} is installed; \`aspen plugin list\` shows those that are`,
      { name: cut(name) },
    ),
  logCursor: (cursor: string) =>
    new AspenError(
      "INVALID_PARAMS",
      `${quoted(cursor)} is no cursor of a plugin's log; pass one that plugin.logs gave, or none`,
      { field: "after" },
    ),
  nameTaken: (name: string, version: string) =>
    new AspenError(
      "PLUGIN_NAME_TAKEN",
      `a plugin named ${name} (${version}) is already installed; remove it first or install with --update`,
      { name, version },
    ),
  unreadable: (name: string, cause: unknown) =>
    new AspenError(
      "PLUGIN_NAME_TAKEN",
      `a plugin named ${name} is installed, but its record cannot be read; remove it first`,
      { name },
      cause,
    ),
  prefixesUnknown: (name: string, unreadable: readonly string[]) =>
    new AspenError(
      "PLUGIN_PREFIX_CONFLICT",
      `plugin ${name} asks for key prefixes that cannot be checked against those of ${unreadable.join(", ")}, whose record cannot be read; remove that plugin first`,
      { name, unreadable },
    ),
  configured: (name: string) =>
    new AspenError(
      "PLUGIN_CONFIGURED",
      `plugin ${name} comes from this node's configuration, which no request changes; change \`plugins-native\` there and start the node again`,
      { name },
    ),
  configuredName: (name: string) =>
    new AspenError(
      "PLUGIN_NAME_TAKEN",
      `the configuration of \`plugins-native\` names plugin ${name}, and a plugin of this name is installed; take one of them out: \`aspen plugin remove ${name}\` keeps the plugin's keys and blobs`,
      { name },
    ),
  configuredTwice: (name: string) =>
    new AspenError("CONFIG_INVALID", `the configuration of \`plugins-native\` names plugin ${name} twice`, { name }),
  prefixConflict: (name: string, prefix: string, other: string, theirs: string) =>
    new AspenError(
      "PLUGIN_PREFIX_CONFLICT",
      `plugin ${name} asks for the key prefix ${quoted(prefix)}, which overlaps ${quoted(theirs)} of plugin ${other}`,
      {
        name,
        prefix,
        other,
        theirs,
      },
    ),
  artifactMissing: (name: string, artifact: string) =>
    new AspenError("INVALID_PARAMS", `plugin ${name} comes without ${artifact}, which its plugin.json names`, {
      field: "artifacts",
      name,
      artifact,
    }),
  artifactOdd: (name: string, artifact: string, wanted: readonly string[]) =>
    new AspenError(
      "INVALID_PARAMS",
      `plugin ${name} comes with the artifact ${quoted(artifact)}, which its plugin.json does not name or which comes twice; it needs ${wanted.join(", ") || "none"}`,
      { field: "artifacts", name, artifact: cut(artifact) },
    ),
  hashMismatch: (name: string, artifact: string, expected: string, actual: string) =>
    new AspenError(
      "ARTIFACT_HASH_MISMATCH",
      `${artifact} of plugin ${name} has the hash ${actual}, but the feature that brings it names ${expected}; build its package again`,
      { name, artifact, expected, actual },
    ),
  tooLarge: (name: string, artifact: string, bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `${artifact} of plugin ${name} has ${bytes} bytes; at most ${LIMITS.artifactBytes} are allowed`,
      { name, artifact, bytes, limit: LIMITS.artifactBytes },
    ),
  tierUnavailable: (name: string, tier: PluginTierName) =>
    new AspenError(
      "PLUGIN_TIER_UNAVAILABLE",
      `plugin ${name} belongs to the ${tier} tier, which this node does not have; turn on its feature ${TIER_FEATURES[tier]}`,
      { name, tier, feature: TIER_FEATURES[tier] },
    ),
  tierTwice: (tier: PluginTierName) =>
    new AspenError("CONFIG_INVALID", `two runtimes run plugins of the ${tier} tier; leave one of them out`, { tier }),
  nativeRefused: (name: string) =>
    new AspenError(
      "PLUGIN_TIER_REFUSED",
      `plugin ${name} is native: it would run with every right of the node, so it is taken from the node's configuration only; build it for the wasm tier, or name it in the configuration`,
      { name, tier: "native" },
    ),
  officialInvalid: (name: string, problem: string) =>
    new AspenError("MANIFEST_INVALID", `plugin ${name} cannot be an official plugin: ${problem}`, { name }),
  officialTwice: (name: string, first: string, second: string) =>
    new AspenError("CONFIG_INVALID", `the features ${first} and ${second} both bring a plugin named ${name}`, {
      name,
      features: [first, second],
    }),
  officialUnknown: (name: string) =>
    new AspenError(
      "PLUGIN_OFFICIAL",
      `no feature of this node brings plugin ${name}; bind it where features bind theirs`,
      {
        name,
      },
    ),
  officialName: (name: string, feature: string) =>
    new AspenError(
      "PLUGIN_OFFICIAL",
      `plugin ${name} is brought by the feature ${feature}, which alone installs and updates it; give your plugin another name`,
      { name, feature },
    ),
  officialRemove: (name: string, feature: string) =>
    new AspenError(
      "PLUGIN_OFFICIAL",
      `plugin ${name} is brought by the feature ${feature} of this node, which would install it again; disable it, or turn the feature off first`,
      { name, feature },
    ),
  officialUnreadable: (feature: string, path: string, cause: unknown) =>
    new AspenError(
      "FEATURE_FAILED",
      `the feature ${feature} cannot read ${cut(path, 512)} of its official plugin: ${cut(cause instanceof Error ? cause.message : String(cause), 512)}; build its package, or install it anew`,
      { feature, path: cut(path, 512) },
      cause,
    ),
  officialTaken: (name: string, version: string, feature: string) =>
    new AspenError(
      "PLUGIN_NAME_TAKEN",
      `a plugin named ${name} (${version}) is installed that is not the official one of the feature ${feature}; remove it first: \`aspen plugin remove ${name}\` keeps its keys and blobs, and works on a node in safe mode or on a store without one; or turn the feature off`,
      { name, version, feature },
    ),
  officialSameVersion: (name: string, version: string, feature: string) =>
    new AspenError(
      "PLUGIN_OFFICIAL",
      `plugin ${name} ${version} is installed with other code than the feature ${feature} of this node brings under the same version; raise its version, or remove what is installed on a node without the feature`,
      { name, version, feature },
    ),
  officialMissing: (name: string, version: string, feature: string) =>
    new AspenError(
      "PLUGIN_OFFICIAL",
      `plugin ${name} ${version} is the official one of the feature ${cut(feature)}, which is off on this node; turn it on to run the plugin here`,
      { name, version, feature: cut(feature) },
    ),
  officialOther: (name: string, version: string, feature: string, here: string) =>
    new AspenError(
      "PLUGIN_OFFICIAL",
      `plugin ${name} ${version} is not what the feature ${feature} of this node brings, which is ${here}; install the same version of its package on every node`,
      { name, version, feature, here },
    ),
  officialForged: (name: string, version: string, privilege: string) =>
    new AspenError(
      "PLUGIN_OFFICIAL",
      `plugin ${name} ${version} has ${privilege}, which only an official plugin may have, and no feature of this node brings it; remove it`,
      { name, version },
    ),
  tooMany: () =>
    new AspenError(
      "PLUGIN_UNAVAILABLE",
      `${LIMITS.pluginsPerNode} plugins are installed, which is the most; remove one first`,
    ),
  hasDependents: (name: string, dependents: readonly string[]) =>
    new AspenError(
      "PLUGIN_DEPENDENCY",
      `plugin ${name} is needed by ${dependents.join(", ")}; remove or disable them first`,
      { name, dependents },
    ),
  unhealthy: (name: string, why: string) =>
    new AspenError("PLUGIN_UNAVAILABLE", `plugin ${name} started but says that it is not healthy: ${cut(why, 1024)}`, {
      name,
    }),
  notServing: (name: string, why: string) =>
    new AspenError("PLUGIN_UNAVAILABLE", `plugin ${name} does not answer: ${why}`, { name }),
  safeMode: (name: string) =>
    new AspenError(
      "PLUGIN_UNAVAILABLE",
      `plugin ${name} does not run: this node was started in safe mode and starts no plugin; start the node without --safe-mode`,
      { name },
    ),
  startDied: (name: string, { verdict, host, pid, startedAt }: StartDeath) =>
    new AspenError(
      "PLUGIN_UNAVAILABLE",
      verdict === "suspect"
        ? `plugin ${name} is not started here: the node with the pid ${pid} on ${host} died while it started this code at ${startedAt}; the next node that starts tries it alone, and \`aspen plugin enable\` tries it now`
        : `plugin ${name} is quarantined: nodes died while they started this code, the last with the pid ${pid} on ${host} at ${startedAt}; update it with other code, or lift the quarantine with \`aspen plugin enable\``,
      { name, verdict, host, pid, startedAt },
    ),
  changedMeanwhile: () =>
    new AspenError(
      "KV_CONFLICT",
      "the plugin, or those beside it, were changed at the same time; look at them and try again",
    ),
  recordCorrupt: (name: string, cause: unknown) =>
    new AspenError("INTERNAL", `the stored record of plugin ${name} cannot be read`, { name }, cause),
} as const;

/** The errors of calls into a plugin, of every tier. */
export const callErrors = {
  trap: (plugin: string, problem: string) =>
    new AspenError("PLUGIN_TRAP", `plugin ${plugin} trapped: ${cut(problem, WORDS_MAX)}`, { plugin }),
  /** A trap that has ended its instance, which is no error that the plugin threw. */
  ended: (plugin: string, problem: string) =>
    new AspenError("PLUGIN_TRAP", `plugin ${plugin} trapped: ${cut(problem, WORDS_MAX)}`, { plugin, ended: true }),
  claimed: (plugin: string, code: string, message: string) =>
    new AspenError(
      "PLUGIN_TRAP",
      `plugin ${plugin} threw ${code}, which only the node says: ${cut(message, WORDS_MAX)}`,
      {
        plugin,
        claimed: code,
      },
    ),
  invalidResponse: (plugin: string, problem: string) =>
    new AspenError("PLUGIN_INVALID_RESPONSE", `plugin ${plugin} gave an invalid answer: ${cut(problem, 512)}`, {
      plugin,
    }),
  requestTooLarge: (plugin: string, bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the request to plugin ${plugin} has ${bytes} bytes of JSON; at most ${LIMITS.messageBytes} are allowed`,
      { plugin, limit: LIMITS.messageBytes },
    ),
  unavailable: (plugin: string, problem: string) =>
    new AspenError("PLUGIN_UNAVAILABLE", `plugin ${plugin} cannot answer: ${cut(problem, 512)}`, { plugin }),
  cancelled: (plugin: string) =>
    new AspenError("CANCELLED", `the call of plugin ${plugin} was cancelled by its caller`),
} as const;

/** The errors of plugins that run in the node's process. */
export const nativeErrors = {
  timeout: (plugin: string, limitMs: number) =>
    new AspenError(
      "PLUGIN_TIMEOUT",
      `plugin ${plugin} ran longer than its limit of ${limitMs} ms; its code, which nothing can stop, may run on`,
      { plugin, limitMs },
    ),
  callOver: (plugin: string, hostFunction: string) =>
    new AspenError(
      "PLUGIN_CALL_OVER",
      `plugin ${plugin} may not call ${hostFunction}: the call for which it worked is over; end the work when \`signal\` of the handler's context aborts, and before the handler returns`,
      { plugin, hostFunction },
    ),
  isolation: (plugin: string) =>
    new AspenError(
      "MANIFEST_INVALID",
      `plugin ${plugin} cannot run in the node's process: its plugin.json asks for a fresh instance for every call ("isolation": "call"), which only WASM has`,
      { plugin },
    ),
  noPlugin: (plugin: string) =>
    new AspenError(
      "BUILD_FAILED",
      `the module of plugin ${plugin} is no plugin: it must \`export default definePlugin({ handlers: { … } })\``,
      { plugin },
    ),
  notImported: (plugin: string, path: string, cause: unknown) =>
    new AspenError(
      "BUILD_FAILED",
      `the module ${cut(path)} of plugin ${plugin} cannot be imported: ${cut(cause instanceof Error ? cause.message : String(cause), WORDS_MAX)}`,
      { plugin, path: cut(path) },
      cause,
    ),
  noCompiler: (plugin: string, path: string, cause: unknown) =>
    new AspenError(
      "BUILD_FAILED",
      `the module ${cut(path)} of plugin ${plugin} is TypeScript, for which the node needs @aspen/guest-sdk; install that package beside it, or name JavaScript`,
      { plugin, path: cut(path) },
      cause,
    ),
  manifestUnreadable: (where: string, path: string, cause: unknown) =>
    new AspenError(
      "CONFIG_INVALID",
      `${where}: ${cut(path)} cannot be read: ${cut(cause instanceof Error ? cause.message : String(cause), 512)}`,
      { field: where, path: cut(path) },
      cause,
    ),
  noModule: (where: string, plugin: string) =>
    new AspenError(
      "CONFIG_INVALID",
      `${where}: nothing says where the code of plugin ${plugin} is; add \`module\`, or \`folder\` of a plugin that has sources or a module`,
      { field: where, plugin },
    ),
  loadTimeout: (plugin: string, limitMs: number) =>
    new AspenError("BUILD_FAILED", `the module of plugin ${plugin} was not imported within ${limitMs} ms`, {
      plugin,
      limitMs,
    }),
} as const;
