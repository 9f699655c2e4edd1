import { parsePluginInfo } from "@aspen/plugin-api";
import {
  assertNotifiable,
  callErrors,
  type PluginArtifact,
  type PluginHostContext,
  type PluginInstance,
  type PluginRuntime,
} from "@aspen/plugin-host";
import { NativePluginInstance } from "@aspen/plugin-host/native";
import { ipcErrors } from "./errors.js";
import { IpcGuestCode } from "./host/ipc-guest-code.js";
import { PluginProcess } from "./host/plugin-process.js";
import { type IpcRuntimeOptions, type ResolvedIpcRuntimeOptions, resolveOptions } from "./options.js";
import { reapLeftFolders } from "./process/work-folder.js";
import type { InfoReply } from "./rpc/messages.js";

/** Bytes of what a plugin says of itself. */
const INFO_BYTES = 65_536;

/**
 * Runs plugins in processes of their own, over gRPC, with the handshake of HashiCorp's go-plugin. What they ask of the
 * host is checked as for any other tier; what they do beside it, they do with the rights of this process's user.
 */
export class IpcPluginRuntime implements PluginRuntime {
  readonly tier = "ipc";
  readonly #options: ResolvedIpcRuntimeOptions;
  readonly #instances = new Set<NativePluginInstance>();
  #reaped: Promise<void> | null = null;
  #closed = false;

  constructor(options: IpcRuntimeOptions = {}) {
    this.#options = resolveOptions(options);
  }

  /** @throws AspenError `MANIFEST_INVALID`, `PLUGIN_UNAVAILABLE`, or what the plugin's start failed with */
  async start(artifact: PluginArtifact, host: PluginHostContext, signal?: AbortSignal): Promise<PluginInstance> {
    const { manifest } = artifact;
    if (manifest.isolation === "call") throw ipcErrors.isolation(manifest.name);
    signal?.throwIfAborted();
    this.#reaped ??= reapLeftFolders();
    await this.#reaped;
    if (this.#closed) throw callErrors.unavailable(manifest.name, "the runtime is disposed");
    const begin = async (until?: AbortSignal) => {
      const started = await PluginProcess.start(artifact, host, this.#options, until);
      try {
        check(artifact, started.info);
        return started;
      } catch (error) {
        await started.process[Symbol.asyncDispose]();
        throw error;
      }
    };
    const parts = {
      plugin: manifest.name,
      start: () => {
        host.reportRestart();
        return begin();
      },
      restarted: () => instance.init(),
    };
    const code = new IpcGuestCode(parts, await begin(signal));
    const instance: NativePluginInstance = new NativePluginInstance(manifest, code, host, async () => {
      this.#instances.delete(instance);
      await code[Symbol.asyncDispose]();
    });
    this.#instances.add(instance);
    try {
      if (this.#closed) throw callErrors.unavailable(manifest.name, "the runtime is disposed");
      await instance.init(signal);
      signal?.throwIfAborted();
      return instance;
    } catch (error) {
      await instance[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#instances].map((instance) => instance[Symbol.asyncDispose]()));
  }
}

function check({ manifest }: PluginArtifact, { info, exports }: InfoReply): void {
  assertNotifiable(manifest, exports);
  let said: unknown;
  try {
    said = info.length > INFO_BYTES ? null : JSON.parse(info);
  } catch {
    // What is no JSON names no plugin either.
    said = null;
  }
  parsePluginInfo(said, manifest);
}
