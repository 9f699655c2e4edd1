/** The driver that keeps everything in this process's memory. @module */
export { MemoryStore } from "./memory-store.js";
