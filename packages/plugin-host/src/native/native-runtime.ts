import { type PluginManifest, parsePluginInfo } from "@aspen/plugin-api";
import { callErrors, nativeErrors } from "../errors.js";
import { assertNotifiable } from "../guest/assert-notifiable.js";
import type { PluginHostContext } from "../host-context/host-context.js";
import type { PluginArtifact, PluginInstance, PluginRuntime } from "../runtime.js";
import { orAborted } from "../supervisor/or-aborted.js";
import { LocalGuestCode } from "./guest-code.js";
import { loadModule } from "./load-module.js";
import { NativePluginInstance } from "./native-instance.js";

/** Milliseconds that a module has to be imported, its top level included. */
const LOAD_MS = 60_000;

/**
 * Runs plugins in this process. They are trusted code: what they ask of the host is checked as for any other tier, but
 * nothing bounds their memory, or stops them when they compute. A call that is over is refused the host.
 */
export class NativePluginRuntime implements PluginRuntime {
  readonly tier = "native";
  readonly #instances = new Set<NativePluginInstance>();
  #closed = false;

  /**
   * Starts the plugin of `artifact.module`: a plugin, a module that exports one as `default`, or where such a module
   * lies (an absolute path or a `file:` URL).
   *
   * @throws AspenError `BUILD_FAILED`, `MANIFEST_INVALID`, `PLUGIN_UNAVAILABLE`, or what the plugin's start failed with
   */
  async start(artifact: PluginArtifact, host: PluginHostContext, signal?: AbortSignal): Promise<PluginInstance> {
    const { manifest, module } = artifact;
    const { name, version, api_version, isolation } = manifest;
    if (isolation === "call") throw nativeErrors.isolation(name);
    const late = AbortSignal.timeout(LOAD_MS);
    const loading = loadModule(name, module);
    const factory = await orAborted(loading, signal ? AbortSignal.any([signal, late]) : late).catch((error) => {
      throw late.aborted && !signal?.aborted ? nativeErrors.loadTimeout(name, LOAD_MS) : error;
    });
    if (this.#closed) throw callErrors.unavailable(name, "the runtime is disposed");
    const guest = factory({ name, version, api_version });
    assertNotifiable(manifest, Object.keys(guest.exports));
    checkInfo(guest.resultText(guest.exports.plugin_info?.(() => null)), manifest);
    const instance = new NativePluginInstance(manifest, new LocalGuestCode(guest), host, (closed) => {
      this.#instances.delete(closed);
    });
    this.#instances.add(instance);
    try {
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

function checkInfo({ text }: { text: string }, manifest: PluginManifest): void {
  parsePluginInfo(JSON.parse(text), manifest);
}
