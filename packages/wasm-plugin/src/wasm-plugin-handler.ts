import { artifactsOf, parseManifest } from "@aspen/plugin-api";
import { PluginHandler, type PluginHostContext, type PluginInstance } from "@aspen/plugin-host";
import type { WasmPluginRuntime } from "./wasm-runtime.js";

export interface WasmPluginHandlerOptions {
  runtime: WasmPluginRuntime;
  /** A parsed `plugin.json`, not yet checked. */
  manifest: unknown;
  wasm: Uint8Array;
  /** What the plugin can reach; made of the same manifest. */
  host: PluginHostContext;
}

/** One WASM plugin as a handler of requests, for those who compose their own node without a supervisor. */
export class WasmPluginHandler extends PluginHandler implements AsyncDisposable {
  private constructor(
    manifest: ConstructorParameters<typeof PluginHandler>[0],
    readonly instance: PluginInstance,
  ) {
    super(manifest, instance);
  }

  /** @throws AspenError `MANIFEST_INVALID`, `WASM_INVALID`, or what the plugin's start failed with */
  static async load({ runtime, manifest: input, wasm, host }: WasmPluginHandlerOptions): Promise<WasmPluginHandler> {
    const manifest = parseManifest(input);
    const files = new Map(artifactsOf(manifest).map(({ name }) => [name, wasm]));
    return new WasmPluginHandler(manifest, await runtime.start({ manifest, files }, host));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.instance[Symbol.asyncDispose]();
  }
}
