/** The binary format of wasm, as far as both the compiler of plugins and their host work on it: no dependency. @module */
export { atMost, ByteReader, WasmProblem } from "./byte-reader.js";
export { signedLeb128, unsignedLeb128 } from "./leb128.js";
export { SECTION, WASM_HEADER } from "./sections.js";
