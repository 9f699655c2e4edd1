import { compareVersions, isAspenError } from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import type { OfficialPlugin } from "../official/official-plugin.js";
import { newRecord } from "../plugin-store/new-record.js";
import { BY_NODE, changed, type PluginAction } from "../plugin-store/plugin-audit.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot } from "../plugin-store/plugin-store.js";
import type { PluginArtifact } from "../runtime.js";
import { type CheckedArtifacts, checkArtifacts } from "./artifacts.js";
import { commitChange } from "./commit.js";
import { assertInstallable } from "./conflicts.js";
import type { PluginInstallerParts } from "./parts.js";
import { revised } from "./uninstall.js";

/**
 * What the installation of an official plugin came to: `newer` when another node brought a later version, which this one
 * holds back; `safe-mode` when this node starts and installs nothing.
 */
export type OfficialOutcome = "installed" | "updated" | "unchanged" | "newer" | "safe-mode";

/** Times that it is tried anew because another node changed the plugin at the same time. */
const ATTEMPTS = 10;

type Decide = (snapshot: PluginSnapshot) => PluginRecord;

export interface OfficialInstallerParts extends PluginInstallerParts {
  /** Starts what `decide` makes, and stores it when that went well. */
  start(name: string, files: PluginArtifact["files"], action: PluginAction, decide: Decide): Promise<void>;
}

/** {@link PluginInstaller.installOfficial} */
export async function installOfficial(
  parts: OfficialInstallerParts,
  official: OfficialPlugin,
): Promise<OfficialOutcome> {
  const { supervisor, store, logger } = parts;
  const { manifest, feature } = official;
  const { name, version } = manifest;
  if (supervisor.official.named(name) !== official) throw pluginErrors.officialUnknown(name);
  if (supervisor.safeMode) return "safe-mode";
  let checked: CheckedArtifacts | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { records, corrupt } = await store.snapshot();
    const unreadable = corrupt.get(name);
    if (unreadable) throw pluginErrors.unreadable(name, unreadable);
    const before = records.get(name);
    const outcome = outcomeOf(parts, official, before);
    if (outcome === "unchanged" || outcome === "newer") {
      // What was there at the start of this node is followed already, and calls wait for it.
      const known = supervisor.list().some((plugin) => plugin.name === name && plugin.revision === before!.revision);
      if (!known) await supervisor.follow(name);
      if (outcome === "newer") {
        const fields = { plugin: name, version, feature, installed: before!.manifest.version };
        logger.warn(fields, "a later version of an official plugin is installed, which this node does not run");
      }
      return outcome;
    }
    checked ??= checkArtifacts(manifest, await official.files(), official.hashes);
    try {
      await change(parts, official, checked, before);
      logger.info({ plugin: name, version, feature, outcome }, "an official plugin was installed");
      return outcome;
    } catch (error) {
      // Another node was faster; what it did decides.
      if (!isAspenError(error) || error.code !== "KV_CONFLICT") throw error;
    }
  }
  throw pluginErrors.changedMeanwhile();
}

function outcomeOf(
  { supervisor }: PluginInstallerParts,
  { manifest: { name, version }, feature }: OfficialPlugin,
  record: PluginRecord | undefined,
): Exclude<OfficialOutcome, "safe-mode"> {
  if (!record) return "installed";
  if (supervisor.official.vouchFor(record)) return "unchanged";
  const installed = record.manifest.version;
  if (record.official === null) throw pluginErrors.officialTaken(name, installed, feature);
  if (supervisor.official.replaces(record)) return "updated";
  if (compareVersions(installed, version) === 0) throw pluginErrors.officialSameVersion(name, version, feature);
  return "newer";
}

async function change(
  parts: OfficialInstallerParts,
  { manifest, feature }: OfficialPlugin,
  { files, stored: artifacts }: CheckedArtifacts,
  before: PluginRecord | undefined,
): Promise<void> {
  const { name } = manifest;
  const now = parts.store.now();
  const decide: Decide = (snapshot) => {
    if (snapshot.records.get(name)?.revision !== before?.revision) throw pluginErrors.changedMeanwhile();
    assertInstallable(snapshot, manifest);
    const own = { manifest, artifacts, overrides: {}, official: feature };
    return before ? { ...revised(before, now), ...own, startDeath: null } : newRecord({ ...own, config: {} }, now);
  };
  const action = before ? "update" : "install";
  if (before?.enabled !== false) return parts.start(name, files, action, decide);
  const record = decide(await parts.store.snapshot());
  await commitChange(parts, { record, files, audit: changed(action, record, BY_NODE), before, recheck: decide });
  await parts.supervisor.follow(name);
}
