/** Work on a whole store, for operators' tools. @module */
export type {
  KeyValueStats,
  MaintenanceOptions,
  NamespaceStats,
  Progress,
  Restored,
  StatsOptions,
  StoredEntry,
  StoredNamespace,
  StoreMaintenance,
  VerifyOptions,
} from "./contract.js";
export { FINDINGS, type Finding, type FindingKind } from "./findings.js";
export { type StoreStats, storeStats } from "./stats.js";
export { verifyStore } from "./verify.js";
