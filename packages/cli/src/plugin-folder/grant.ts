import { allowedKvPrefixes, type PluginManifest } from "@aspen/plugin-api";
import { cliErrors } from "../errors.js";
import { formatBytes } from "../format-bytes.js";
import { type Output, printable } from "../output.js";

/** What a plugin asks for, for people to read. */
export function describeGrant(manifest: PluginManifest): string {
  const lines = [
    `${manifest.name} ${manifest.version} asks for:`,
    ...(manifest.permissions.length > 0 ? manifest.permissions : ["no permissions"]).map((text) => `  ${text}`),
    "on keys that start with:",
    ...allowedKvPrefixes(manifest).map((prefix) => `  ${prefix}`),
    "within these limits:",
    `  ${formatBytes(manifest.memory_limit)} of memory for each instance`,
    `  ${manifest.execution_timeout_ms} ms for each call`,
    `  ${manifest.max_instances} ${manifest.max_instances === 1 ? "instance" : "instances"} at once on each node`,
    `and answers: ${manifest.handles.join(", ")}`,
  ];
  return printable(lines.join("\n"));
}

/** Shows what is asked for and has it granted. @throws AspenError `PERMISSION_DENIED` when it is not */
export async function grant(manifest: PluginManifest, yes: boolean, output: Output): Promise<void> {
  output.note(describeGrant(manifest));
  if (yes) return;
  if (output.json || !process.stdin.isTTY || !process.stderr.isTTY) throw cliErrors.needsYes();
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: "Grant this and install?", initialValue: false, output: process.stderr });
  if (isCancel(answer) || !answer) throw cliErrors.notGranted(manifest.name);
}
