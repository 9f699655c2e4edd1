import { randomUUID } from "node:crypto";
import { LIMITS, type PluginManifest, parseManifest } from "@aspen/plugin-api";
import type { ShadowedMethod } from "@aspen/rpc-core";
import { type BlobStore, blobHash } from "@aspen/storage";
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
    const { manifest, wasmHash } = checkArtifact(input, wasm);
    return this.#replace(manifest.name, wasm, (snapshot) => {
      const { name } = manifest;
      const taken = snapshot.records.get(name);
      if (taken) throw pluginErrors.nameTaken(name, taken.manifest.version);
      const unreadable = snapshot.corrupt.get(name);
      if (unreadable) throw pluginErrors.unreadable(name, unreadable);
      assertInstallable(snapshot, manifest);
      const now = new Date().toISOString();
      const revision = randomUUID();
      const wasmBytes = wasm.length;
      return { manifest, wasmHash, wasmBytes, config, enabled: true, revision, installedAt: now, updatedAt: now };
    });
  }

  /** Replaces an installed plugin's code, manifest and, when given, configuration; calls under way end on the old one. */
  async update({ manifest: input, wasm, config }: InstallInput): Promise<InstalledPlugin> {
    const { manifest, wasmHash } = checkArtifact(input, wasm);
    return this.#replace(manifest.name, wasm, (snapshot) => {
      const before = recordOf(snapshot, manifest.name);
      assertInstallable(snapshot, manifest);
      const code = { manifest, wasmHash, wasmBytes: wasm.length };
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

  /** Uninstalls it on every node; its data stays. */
  async remove(name: string): Promise<void> {
    const { store, supervisor, logger } = this.parts;
    await store.change((snapshot) => {
      if (!snapshot.corrupt.has(name)) recordOf(snapshot, name);
      assertNotNeeded(snapshot, name);
      return { remove: name };
    });
    logger.info({ plugin: name }, "plugin removed");
    await supervisor.reconcile();
  }

  /** Starts what `decide` makes of the installed plugins; stores it and lets it serve when that went well. */
  async #replace(
    name: string,
    wasm: Uint8Array | null,
    decide: (snapshot: PluginSnapshot) => PluginRecord,
  ): Promise<InstalledPlugin> {
    const { store, blobs, supervisor, logger } = this.parts;
    let base: string | undefined;
    const plugin = await supervisor.replace(name, {
      async prepare() {
        const snapshot = await store.snapshot();
        base = snapshot.records.get(name)?.revision;
        return { record: decide(snapshot), code: wasm };
      },
      async commit(record) {
        if (wasm) await blobs.put(wasm);
        await store.change((snapshot) => {
          // The rules again, on the state of this moment: others may have come while this one started.
          decide(snapshot);
          if (snapshot.records.get(name)?.revision !== base) throw pluginErrors.changedMeanwhile();
          return { put: record };
        });
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

function checkArtifact(input: unknown, wasm: Uint8Array): { manifest: PluginManifest; wasmHash: string } {
  const manifest = parseManifest(input);
  if (wasm.length > LIMITS.wasmBytes) throw pluginErrors.tooLarge(manifest.name, wasm.length);
  const wasmHash = blobHash(wasm);
  if (manifest.wasm_hash !== undefined && manifest.wasm_hash !== wasmHash) {
    throw pluginErrors.hashMismatch(manifest.name, manifest.wasm_hash, wasmHash);
  }
  return { manifest, wasmHash };
}
