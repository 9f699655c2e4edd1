import { randomUUID } from "node:crypto";
import type { Logger } from "@aspen/plugin-api";
import { isAspenError, LIMITS, manifestWarnings, type PluginManifest, parseManifest } from "@aspen/plugin-api";
import type { ShadowedMethod } from "@aspen/rpc-core";
import { type BlobStore, blobHash } from "@aspen/storage";
import { codeTag } from "../blob-tags.js";
import { pluginErrors } from "../errors.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot, PluginStore } from "../plugin-store/plugin-store.js";
import type { PluginSupervisor } from "../supervisor/plugin-supervisor.js";
import type { PluginStatus } from "../supervisor/supervised-plugin.js";
import { assertInstallable } from "./conflicts.js";
import { disablePlugin, recordOf, releaseCode, removePlugin, revised } from "./uninstall.js";

export interface InstallInput {
  /** A parsed `plugin.json`, not yet checked. */
  manifest: unknown;
  wasm: Uint8Array;
  /** What the plugin reads through `config`. @default {} ; for an update the configuration it has */
  config?: Record<string, unknown> | undefined;
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

export interface PluginInstallerParts {
  store: PluginStore;
  blobs: BlobStore;
  supervisor: PluginSupervisor;
  logger: Logger;
}

/** Changes what is installed. Every change is tried on this node first; when it fails, nothing has changed. */
export class PluginInstaller {
  constructor(private readonly parts: PluginInstallerParts) {}

  /**
   * @throws AspenError `MANIFEST_INVALID`, `API_VERSION_UNSUPPORTED`, `PLUGIN_NAME_TAKEN`, `PLUGIN_PREFIX_CONFLICT`,
   * `PLUGIN_DEPENDENCY`, `PAYLOAD_TOO_LARGE`, `WASM_HASH_MISMATCH`, `WASM_INVALID`, or what its start failed with
   */
  async install({ manifest: input, wasm, config = {} }: InstallInput): Promise<InstalledPlugin> {
    const { manifest, wasmHash, wasmTag } = checkArtifact(input, wasm);
    return this.#replace(manifest.name, wasm, (snapshot) => {
      const { name } = manifest;
      const taken = snapshot.records.get(name);
      if (taken) throw pluginErrors.nameTaken(name, taken.manifest.version);
      const unreadable = snapshot.corrupt.get(name);
      if (unreadable) throw pluginErrors.unreadable(name, unreadable);
      assertInstallable(snapshot, manifest);
      const now = new Date().toISOString();
      const revision = randomUUID();
      const code = { manifest, wasmHash, wasmBytes: wasm.length, wasmTag };
      return { ...code, config, enabled: true, startDeath: null, revision, installedAt: now, updatedAt: now };
    });
  }

  /**
   * Replaces an installed plugin's code, manifest and, when given, configuration; calls under way end on the old one.
   * A start of it that is under way is given up. Other code lifts a quarantine.
   */
  async update({ manifest: input, wasm, config }: InstallInput): Promise<InstalledPlugin> {
    const { manifest, wasmHash, wasmTag } = checkArtifact(input, wasm);
    const { name } = manifest;
    const decide = (snapshot: PluginSnapshot): PluginRecord => {
      const before = recordOf(snapshot, name);
      assertInstallable(snapshot, manifest);
      if (wasmHash === before.wasmHash) assertNotHeld(before);
      const code = { manifest, wasmHash, wasmBytes: wasm.length, wasmTag, startDeath: null };
      return { ...revised(before), ...code, config: config ?? before.config, enabled: true };
    };
    const { store, supervisor } = this.parts;
    // One that is refused gives up nothing.
    decide(await store.snapshot());
    if (!supervisor.safeMode) supervisor.giveUpStart(name);
    return this.#replace(name, wasm, decide);
  }

  /** Starts it afresh on every node, from the code that is installed. */
  async reload(name: string): Promise<PluginStatus> {
    return this.#replace(name, null, (snapshot) => {
      const before = recordOf(snapshot, name);
      if (!before.enabled) throw pluginErrors.notServing(name, "it is disabled; enable it instead");
      assertNotHeld(before);
      return revised(before);
    });
  }

  /** Starts one that is disabled, or whose code nodes died of. In safe mode it is enabled and not started. */
  async enable(name: string): Promise<PluginStatus> {
    const { store, supervisor } = this.parts;
    const { enabled, startDeath } = recordOf(await store.snapshot(), name);
    if (enabled && !startDeath && supervisor.get(name).serving) return supervisor.get(name).status();
    const decide = (snapshot: PluginSnapshot): PluginRecord => {
      const before = recordOf(snapshot, name);
      assertInstallable(snapshot, before.manifest);
      return { ...revised(before), enabled: true, startDeath: null };
    };
    if (!supervisor.safeMode) return this.#replace(name, null, decide);
    await store.change((snapshot) => ({ put: decide(snapshot) }));
    return this.#follow(name);
  }

  /** Stops it on every node and keeps it installed. A start of it that is under way is given up. */
  async disable(name: string): Promise<PluginStatus> {
    await disablePlugin(this.parts, name);
    this.parts.logger.info({ plugin: name }, "plugin disabled");
    return this.#follow(name);
  }

  /** Uninstalls it on every node; its data stays, keys and blobs. A start of it that is under way is given up. */
  async remove(name: string): Promise<void> {
    await removePlugin(this.parts, name);
    this.parts.logger.info({ plugin: name }, "plugin removed");
    await this.parts.supervisor.follow(name);
  }

  async #follow(name: string): Promise<PluginStatus> {
    await this.parts.supervisor.follow(name);
    return this.parts.supervisor.get(name).status();
  }

  /** Starts what `decide` makes of the installed plugins; stores it and lets it serve when that went well. */
  async #replace(
    name: string,
    wasm: Uint8Array | null,
    decide: (snapshot: PluginSnapshot) => PluginRecord,
  ): Promise<InstalledPlugin> {
    const { store, blobs, supervisor, logger } = this.parts;
    let before: PluginRecord | undefined;
    const plugin = await supervisor.replace(name, {
      async prepare() {
        const snapshot = await store.snapshot();
        before = snapshot.records.get(name);
        return { record: decide(snapshot), code: wasm, basis: before?.revision ?? null };
      },
      commit: async (record) => {
        if (wasm) await blobs.put(wasm, { reference: record.wasmTag });
        try {
          await store.change((snapshot) => {
            // The rules again, on the state of this moment: others may have come while this one started.
            decide(snapshot);
            if (snapshot.records.get(name)?.revision !== before?.revision) throw pluginErrors.changedMeanwhile();
            return { put: record };
          });
        } catch (error) {
          // A record that may be stored needs its code.
          const stored = isAspenError(error) && error.code === "OUTCOME_UNKNOWN";
          if (wasm && !stored) await releaseCode(this.parts, record);
          throw error;
        }
        if (wasm && before) await releaseCode(this.parts, before);
      },
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

function checkArtifact(
  input: unknown,
  wasm: Uint8Array,
): { manifest: PluginManifest; wasmHash: string; wasmTag: string } {
  const manifest = parseManifest(input);
  if (wasm.length > LIMITS.wasmBytes) throw pluginErrors.tooLarge(manifest.name, wasm.length);
  const wasmHash = blobHash(wasm);
  if (manifest.wasm_hash !== undefined && manifest.wasm_hash !== wasmHash) {
    throw pluginErrors.hashMismatch(manifest.name, manifest.wasm_hash, wasmHash);
  }
  return { manifest, wasmHash, wasmTag: codeTag(manifest.name, randomUUID()) };
}
