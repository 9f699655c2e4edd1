import { createHash } from "node:crypto";

/** Compiled modules that are in use, so that what is the same is compiled, and optimised, once. */
export class ModuleCache {
  readonly #modules = new Map<string, WeakRef<WebAssembly.Module>>();

  /** @throws WebAssembly.CompileError */
  async compile(wasm: Uint8Array): Promise<WebAssembly.Module> {
    const key = createHash("sha256").update(wasm).digest("hex");
    const known = this.#modules.get(key)?.deref();
    if (known) return known;
    const module = await WebAssembly.compile(wasm as BufferSource);
    // Another one may have been faster.
    const other = this.#modules.get(key)?.deref();
    if (other) return other;
    for (const [old, reference] of this.#modules) if (!reference.deref()) this.#modules.delete(old);
    this.#modules.set(key, new WeakRef(module));
    return module;
  }
}
