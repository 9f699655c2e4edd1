/**
 * A compiled `WebAssembly.Module`. TypeScript names that type in its `dom` library alone, as an empty interface; whoever
 * imports our declarations for Node does not have that library.
 */
export type WasmModule = object;
