import type { AuditActor } from "@aspen/layers";
import { manifestWarnings, type PluginManifest, parseManifest, parseOverrides } from "@aspen/plugin-api";
import type { ShadowedMethod } from "@aspen/rpc-core";
import { pluginErrors } from "../errors.js";
import type { OfficialPlugin } from "../official/official-plugin.js";
import { codeHash } from "../plugin-store/code-hash.js";
import { assertConfig } from "../plugin-store/config-check.js";
import { newRecord } from "../plugin-store/new-record.js";
import { BY_NODE, changed, type PluginAction } from "../plugin-store/plugin-audit.js";
import { grantedManifest, type PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot } from "../plugin-store/plugin-store.js";
import type { PluginArtifact } from "../runtime.js";
import type { PluginStatus } from "../supervisor/supervised-plugin.js";
import { type ArtifactFile, checkArtifacts } from "./artifacts.js";
import { commitChange } from "./commit.js";
import { assertInstallable } from "./conflicts.js";
import { installOfficial, type OfficialOutcome } from "./install-official.js";
import type { PluginInstallerParts } from "./parts.js";
import { reloadConfigured } from "./reload-configured.js";
import { disablePlugin, recordOf, removePlugin, revised } from "./uninstall.js";

export interface InstallInput {
  /** A parsed `plugin.json`, not yet checked. */
  manifest: unknown;
  /** What the manifest's entry names. */
  artifacts: readonly ArtifactFile[];
  /** What the plugin reads through `config`. @default {} ; for an update the configuration it has */
  config?: Record<string, unknown> | undefined;
  /**
   * What is granted in place of what the manifest asks for (`PluginOverrides`), not yet checked.
   * @default {} ; for an update the overrides it has, which `{}` lifts
   */
  overrides?: unknown;
}

/** A plugin after its installation. */
export interface InstalledPlugin extends PluginStatus {
  /** Its methods that an earlier handler answers. */
  shadowed: ShadowedMethod[];
  /** Methods of other plugins that it answers in their place. */
  takenOver: TakenOverMethod[];
  /** What whoever granted it should know, each a sentence. */
  warnings: string[];
}

export interface TakenOverMethod {
  method: string;
  /** Name of the plugin that no longer answers it. */
  from: string;
}

/**
 * Changes what is installed. Every change is tried on this node first; when it fails, nothing has changed. `by` is who the
 * audit trail says it was, the node itself unless given; a reload of a plugin of the configuration is not in it.
 */
export class PluginInstaller {
  constructor(private readonly parts: PluginInstallerParts) {}

  /**
   * @throws AspenError `MANIFEST_INVALID`, `API_VERSION_UNSUPPORTED`, `INVALID_PARAMS`, `PLUGIN_NAME_TAKEN`,
   * `PLUGIN_PREFIX_CONFLICT`, `PLUGIN_DEPENDENCY`, `PLUGIN_TIER_REFUSED`, `PLUGIN_TIER_UNAVAILABLE`, `PLUGIN_OFFICIAL`,
   * `PAYLOAD_TOO_LARGE`, `WASM_HASH_MISMATCH`, `CONFIG_INVALID`, or what its start failed with
   */
  async install(input: InstallInput, by: AuditActor = BY_NODE): Promise<InstalledPlugin> {
    const manifest = this.#parse(input.manifest);
    const { name } = manifest;
    const overrides = parseOverrides(name, input.overrides ?? {});
    const { files, stored: artifacts } = checkArtifacts(manifest, input.artifacts);
    const config = input.config ?? {};
    return this.#replace(name, files, { action: "install", by }, (snapshot) => {
      const taken = snapshot.records.get(name);
      if (taken) throw pluginErrors.nameTaken(name, taken.manifest.version);
      const unreadable = snapshot.corrupt.get(name);
      if (unreadable) throw pluginErrors.unreadable(name, unreadable);
      const record = newRecord({ manifest, artifacts, overrides, official: null, config }, this.parts.store.now());
      assertInstallable(snapshot, grantedManifest(record));
      return record;
    });
  }

  /**
   * Replaces an installed plugin's code, manifest and, when given, configuration and overrides; calls under way end on the
   * old one. A start of it that is under way is given up. Other code lifts a quarantine.
   */
  async update(input: InstallInput, by: AuditActor = BY_NODE): Promise<InstalledPlugin> {
    const manifest = this.#parse(input.manifest);
    const { name } = manifest;
    const overrides = input.overrides === undefined ? undefined : parseOverrides(name, input.overrides);
    const { files, stored: artifacts } = checkArtifacts(manifest, input.artifacts);
    const decide = (snapshot: PluginSnapshot): PluginRecord => {
      const before = recordOf(snapshot, name);
      if (before.official !== null) throw pluginErrors.officialName(name, before.official);
      const record: PluginRecord = {
        ...revised(before, this.parts.store.now()),
        ...{ manifest, artifacts, startDeath: null, enabled: true },
        config: input.config ?? before.config,
        overrides: overrides ?? before.overrides,
      };
      assertInstallable(snapshot, grantedManifest(record));
      if (codeHash(record) === codeHash(before)) assertNotHeld(before);
      return record;
    };
    const { store, supervisor } = this.parts;
    // One that is refused gives up nothing.
    decide(await store.snapshot());
    if (!supervisor.safeMode) supervisor.giveUpStart(name);
    return this.#replace(name, files, { action: "update", by }, decide);
  }

  /**
   * Installs what a feature of this node brings, at every start of it: nothing when it is installed, an update when what
   * is installed is older. A later version stays, and is held back on this node. Several nodes may do so at once. One that
   * an operator disabled stays disabled.
   *
   * @param official one of the supervisor's official plugins
   * @throws AspenError `PLUGIN_OFFICIAL`, `PLUGIN_NAME_TAKEN`, `ARTIFACT_HASH_MISMATCH`, as {@link install} does
   */
  installOfficial(official: OfficialPlugin): Promise<OfficialOutcome> {
    return installOfficial(
      {
        ...this.parts,
        start: async (name, files, action, decide) =>
          void (await this.#replace(name, files, { action, by: BY_NODE }, decide)),
      },
      official,
    );
  }

  /** Starts it afresh on every node, from the code that is installed; one of this node's configuration, here. */
  async reload(name: string, by: AuditActor = BY_NODE): Promise<PluginStatus> {
    const configured = this.parts.store.configured.get(name);
    if (configured) return reloadConfigured(this.parts, configured.record);
    return this.#replace(name, null, { action: "reload", by }, (snapshot) => {
      const before = recordOf(snapshot, name);
      if (!before.enabled) throw pluginErrors.notServing(name, "it is disabled; enable it instead");
      assertNotHeld(before);
      return revised(before, this.parts.store.now());
    });
  }

  /** Starts one that is disabled, out of service on this node, or whose code nodes died of. In safe mode it is enabled and not started. */
  async enable(name: string, by: AuditActor = BY_NODE): Promise<PluginStatus> {
    const { store, supervisor } = this.parts;
    store.configured.assertNot(name);
    const { enabled, startDeath } = recordOf(await store.snapshot(), name);
    if (enabled && !startDeath) {
      const plugin = supervisor.get(name);
      // One that is out of service is started anew, which every node then does.
      if (plugin.serving && !plugin.broken) return plugin.status();
    }
    const decide = (snapshot: PluginSnapshot): PluginRecord => {
      const before = recordOf(snapshot, name);
      assertInstallable(snapshot, grantedManifest(before));
      return { ...revised(before, this.parts.store.now()), enabled: true, startDeath: null };
    };
    if (!supervisor.safeMode) return this.#replace(name, null, { action: "enable", by }, decide);
    await store.change((snapshot) => {
      const record = decide(snapshot);
      return { put: record, audit: changed("enable", record, by) };
    });
    return this.#follow(name);
  }

  /** Stops it on every node and keeps it installed. A start of it that is under way is given up. */
  async disable(name: string, by: AuditActor = BY_NODE): Promise<PluginStatus> {
    await disablePlugin(this.parts, name, by);
    this.parts.logger.info({ plugin: name }, "plugin disabled");
    return this.#follow(name);
  }

  /**
   * Uninstalls it on every node; its data stays, keys and blobs. A start of it that is under way is given up.
   *
   * @throws AspenError `PLUGIN_NOT_FOUND`, `PLUGIN_DEPENDENCY`, or `PLUGIN_OFFICIAL` when a feature of this node brings it
   */
  async remove(name: string, by: AuditActor = BY_NODE): Promise<void> {
    const { store, supervisor, logger } = this.parts;
    store.configured.assertNot(name);
    const record = (await store.snapshot()).records.get(name);
    const official = supervisor.official.named(name);
    if (official && record && record.official !== null) throw pluginErrors.officialRemove(name, official.feature);
    await removePlugin(this.parts, name, by);
    logger.info({ plugin: name }, "plugin removed");
    await supervisor.follow(name);
  }

  /** The manifest of a plugin that somebody asks to have installed. */
  #parse(input: unknown): PluginManifest {
    const manifest = parseManifest(input);
    const { name } = manifest;
    this.parts.store.configured.assertNot(name);
    if (manifest.entry.kind === "native") throw pluginErrors.nativeRefused(name);
    const { supervisor } = this.parts;
    supervisor.assertTier(manifest);
    const official = supervisor.official.named(name);
    if (official) throw pluginErrors.officialName(name, official.feature);
    return manifest;
  }

  async #follow(name: string): Promise<PluginStatus> {
    await this.parts.supervisor.follow(name);
    return this.parts.supervisor.get(name).status();
  }

  /** Starts what `decide` makes of the installed plugins; stores it and lets it serve when that went well. */
  async #replace(
    name: string,
    files: PluginArtifact["files"] | null,
    { action, by }: { action: PluginAction; by: AuditActor },
    decide: (snapshot: PluginSnapshot) => PluginRecord,
  ): Promise<InstalledPlugin> {
    const { store, supervisor, logger } = this.parts;
    let before: PluginRecord | undefined;
    const plugin = await supervisor.replace(name, {
      async prepare() {
        const snapshot = await store.snapshot();
        before = snapshot.records.get(name);
        const record = decide(snapshot);
        await assertConfig(record.manifest, record.config);
        return { record, files, basis: before?.revision ?? null };
      },
      commit: (record) =>
        commitChange(this.parts, { record, files, audit: changed(action, record, by), before, recheck: decide }),
    });
    logger.info({ plugin: name, version: plugin.status().version }, "plugin changed");
    const takenOver = supervisor.takenOverBy(name);
    const warnings = manifestWarnings(plugin.manifest);
    return { ...plugin.status(), shadowed: plugin.shadowed, takenOver, warnings };
  }
}

/** @throws AspenError `PLUGIN_UNAVAILABLE` when nodes died of its code */
function assertNotHeld({ manifest, startDeath }: PluginRecord): void {
  if (startDeath) throw pluginErrors.startDied(manifest.name, startDeath);
}
