/** The driver on LMDB and files, for one machine. @module */
export { type LockOwner, storeHolder } from "./directory/directory-lock.js";
export { EmbeddedReader } from "./embedded-reader.js";
export { EmbeddedStore, type EmbeddedStoreOptions } from "./embedded-store.js";
