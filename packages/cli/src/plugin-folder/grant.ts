import { allowedKvPrefixes, type PluginManifest, type PluginOverrides, withOverrides } from "@aspen/plugin-api";
import { cliErrors } from "../errors.js";
import { formatBytes } from "../format-bytes.js";
import { type Output, printable } from "../output.js";

/** What a plugin asks for, and what it is granted instead, for people to read. */
export function describeGrant(manifest: PluginManifest, overrides: PluginOverrides): string {
  const granted = withOverrides(manifest, overrides);
  /** One line on a field, by what it says of a manifest. */
  const line = (field: keyof PluginOverrides, say: (manifest: PluginManifest) => string) =>
    `  ${say(granted)}${overrides[field] === undefined ? "" : `, instead of ${say(manifest)}`}`;
  const lines = [
    `${manifest.name} ${manifest.version} asks for:`,
    ...(manifest.permissions.length > 0 ? manifest.permissions : ["no permissions"]).map((text) => `  ${text}`),
    "on keys that start with:",
    ...allowedKvPrefixes(granted).map((prefix) => `  ${prefix}`),
    ...(overrides.kv_prefixes === undefined ? [] : [`  instead of ${allowedKvPrefixes(manifest).join(", ")}`]),
    ...background(manifest),
    "within these limits:",
    line("memory_limit", (it) => `${formatBytes(it.memory_limit)} of memory for each instance`),
    line("execution_timeout_ms", (it) => `${it.execution_timeout_ms} ms for each call`),
    line("max_instances", instances),
    ...(overrides.priority === undefined ? [] : [line("priority", (it) => `priority ${it.priority}`)]),
    `and answers: ${manifest.handles.join(", ")}`,
  ];
  return printable(lines.join("\n"));
}

/** When it is called though nobody calls it. */
function background({ timers, subscriptions }: PluginManifest): string[] {
  const schedule = ({ name, cron, time_zone: zone = "UTC", every_ms: everyMs }: PluginManifest["timers"][number]) =>
    `  ${name}: ${cron === undefined ? `every ${everyMs} ms` : `${cron} (${zone})`}`;
  return [
    ...(timers.length > 0 ? ["is called by timers:", ...timers.map(schedule)] : []),
    ...(subscriptions.length > 0
      ? ["and of events in its namespaces:", ...subscriptions.map(({ topic }) => `  ${topic}`)]
      : []),
  ];
}

function instances({ max_instances: most }: PluginManifest): string {
  return `${most} ${most === 1 ? "instance" : "instances"} at once on each node`;
}

/** Shows what is asked for and has it granted. @throws AspenError `PERMISSION_DENIED` when it is not */
export async function grant(
  manifest: PluginManifest,
  overrides: PluginOverrides,
  yes: boolean,
  output: Output,
): Promise<void> {
  output.note(describeGrant(manifest, overrides));
  if (yes) return;
  if (output.json || !process.stdin.isTTY || !process.stderr.isTTY) throw cliErrors.needsYes();
  if (!(await confirmed("Grant this and install?"))) throw cliErrors.notGranted(manifest.name);
}

/** Asks on the terminal; one that ends (Ctrl-D, or closed) has not confirmed. */
async function confirmed(message: string): Promise<boolean> {
  const { confirm, isCancel } = await import("@clack/prompts");
  const ended = new AbortController();
  const end = () => ended.abort();
  // The prompt reads keys one by one, so that Ctrl-D is a key like others, at which the prompt's own reader closes.
  const onKey = (_text: string | undefined, key: { ctrl?: boolean; name?: string }) => {
    if (key.ctrl && key.name === "d") end();
  };
  process.stdin.on("keypress", onKey).once("end", end).once("close", end);
  try {
    const answer = await confirm({ message, initialValue: false, output: process.stderr, signal: ended.signal });
    return !isCancel(answer) && answer;
  } finally {
    process.stdin.off("keypress", onKey).off("end", end).off("close", end);
  }
}
