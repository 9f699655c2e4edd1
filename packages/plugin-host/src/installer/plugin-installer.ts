import { randomUUID } from "node:crypto";
import { isAspenError, LIMITS, type PluginManifest, parseManifest } from "@aspen/plugin-api";
import type { ShadowedMethod } from "@aspen/rpc-core";
import { type BlobStore, blobHash } from "@aspen/storage";
import { codeTag } from "../blob-tags.js";
import { pluginErrors } from "../errors.js";
import type { HostLogger } from "../logger.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot, PluginStore } from "../plugin-store/plugin-store.js";
import type { PluginSupervisor } from "../supervisor/plugin-supervisor.js";
import type { PluginStatus } from "../supervisor/supervised-plugin.js";
import { assertInstallable, assertNotNeeded } from "./conflicts.js";

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
  logger: HostLogger;
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
      return { ...code, config, enabled: true, revision, installedAt: now, updatedAt: now };
    });
  }

  /** Replaces an installed plugin's code, manifest and, when given, configuration; calls under way end on the old one. */
  async update({ manifest: input, wasm, config }: InstallInput): Promise<InstalledPlugin> {
    const { manifest, wasmHash, wasmTag } = checkArtifact(input, wasm);
    return this.#replace(manifest.name, wasm, (snapshot) => {
      const before = recordOf(snapshot, manifest.name);
      assertInstallable(snapshot, manifest);
      const code = { manifest, wasmHash, wasmBytes: wasm.length, wasmTag };
      return { ...revised(before), ...code, config: config ?? before.config, enabled: true };
    });
  }

  /** Starts it afresh on every node, from the code that is installed. */
  async reload(name: string): Promise<PluginStatus> {
    return this.#replace(name, null, (snapshot) => {
      const before = recordOf(snapshot, name);
      if (!before.enabled) throw pluginErrors.notServing(name, "it is disabled; enable it instead");
      return revised(before);
    });
  }

  async enable(name: string): Promise<PluginStatus> {
    const { store, supervisor } = this.parts;
    if (recordOf(await store.snapshot(), name).enabled && supervisor.get(name).serving) {
      return supervisor.get(name).status();
    }
    return this.#replace(name, null, (snapshot) => {
      const before = recordOf(snapshot, name);
      assertInstallable(snapshot, before.manifest);
      return { ...revised(before), enabled: true };
    });
  }

  /** Stops it on every node and keeps it installed. */
  async disable(name: string): Promise<PluginStatus> {
    const { store, supervisor, logger } = this.parts;
    await store.change((snapshot) => {
      const before = recordOf(snapshot, name);
      assertNotNeeded(snapshot, name);
      return { put: { ...revised(before), enabled: false } };
    });
    logger.info({ plugin: name }, "plugin disabled");
    await supervisor.reconcile();
    return supervisor.get(name).status();
  }

  /** Uninstalls it on every node; its data stays, keys and blobs. */
  async remove(name: string): Promise<void> {
    const { store, supervisor, logger } = this.parts;
    let removed: PluginRecord | undefined;
    await store.change((snapshot) => {
      // What cannot be read does not say which code it had: that stays referenced.
      removed = snapshot.corrupt.has(name) ? undefined : recordOf(snapshot, name);
      assertNotNeeded(snapshot, name);
      return { remove: name };
    });
    if (removed) await this.#release(removed);
    logger.info({ plugin: name }, "plugin removed");
    await supervisor.reconcile();
  }

  /** Lets garbage collection have the code of a record that is not stored any more. What fails here only keeps a blob. */
  async #release({ manifest, wasmHash, wasmTag }: PluginRecord): Promise<void> {
    try {
      await this.parts.blobs.removeReference(wasmHash, wasmTag);
    } catch (error) {
      const fields = { plugin: manifest.name, hash: wasmHash, tag: wasmTag, err: error };
      this.parts.logger.warn(fields, "code that is no longer needed stays in the blob store");
    }
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
        return { record: decide(snapshot), code: wasm };
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
          if (wasm && !stored) await this.#release(record);
          throw error;
        }
        if (wasm && before) await this.#release(before);
      },
    });
    logger.info({ plugin: name, version: plugin.status().version }, "plugin changed");
    const takenOver = supervisor.takenOverBy(name);
    return { ...plugin.status(), shadowed: plugin.shadowed, takenOver };
  }
}

/** @throws AspenError `PLUGIN_NOT_FOUND`, or `INTERNAL` when its record cannot be read */
function recordOf({ records, corrupt }: PluginSnapshot, name: string): PluginRecord {
  const record = records.get(name);
  if (record) return record;
  throw corrupt.get(name) ?? pluginErrors.notFound(name);
}

function revised(record: PluginRecord): PluginRecord {
  return { ...record, revision: randomUUID(), updatedAt: new Date().toISOString() };
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
