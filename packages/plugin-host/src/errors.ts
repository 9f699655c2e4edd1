import { AspenError, cut, LIMITS, quoted } from "@aspen/plugin-api/abi";
import type { StartDeath } from "./plugin-store/plugin-record.js";

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
  notFound: (name: string) =>
    new AspenError(
      "PLUGIN_NOT_FOUND",
      `no plugin named ${cut(name)} is installed; \`aspen plugin list\` shows those that are`,
      { name: cut(name) },
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
  hashMismatch: (name: string, expected: string, actual: string) =>
    new AspenError(
      "WASM_HASH_MISMATCH",
      `the wasm file of plugin ${name} has the hash ${actual}, but its plugin.json says ${expected}; build it again`,
      {
        name,
        expected,
        actual,
      },
    ),
  tooLarge: (name: string, bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the wasm file of plugin ${name} has ${bytes} bytes; at most ${LIMITS.wasmBytes} are allowed`,
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
