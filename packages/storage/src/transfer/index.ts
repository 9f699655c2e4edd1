/** A whole store in one file, and back. @module */
export { CheckedExport } from "./checked-export.js";
export { type ExportOptions, type ExportSummary, exportStore } from "./export-store.js";
export { type ImportOptions, type ImportSummary, importStore } from "./import-store.js";
