import { z } from "zod";

export const relativePath = z
  .string()
  .min(1)
  .max(256)
  .refine(
    (path) => !/^[\\/]|^[A-Za-z]:|\0/.test(path) && !path.split(/[\\/]/).includes(".."),
    "must be a path inside the plugin's folder",
  );

const wasmEntrySchema = z.strictObject({
  // Optional first, so that an entry without a kind belongs to this one.
  kind: z.literal("wasm").optional().default("wasm").describe("The sandboxed tier; the one meant when it is left out."),
  source: relativePath.default("src/plugin.ts").describe("TypeScript entry, relative to plugin.json."),
  wasm: relativePath.default("plugin.wasm").describe("Built wasm file, relative to the built plugin.json."),
});

const nativeEntrySchema = z.strictObject({
  kind: z.literal("native").describe("Trusted code in the node's own process; from the node's configuration only."),
  module: relativePath.describe("JavaScript module of the plugin, relative to plugin.json."),
});

const ipcEntrySchema = z.strictObject({
  kind: z.literal("ipc").describe("A process of its own."),
  command: relativePath.describe("The program, relative to plugin.json."),
  args: z.array(z.string().max(1024)).max(64).default([]).describe("Its arguments."),
  platforms: z
    .array(z.string().regex(/^[a-z0-9]{1,16}-[a-z0-9]{1,16}$/, "must be like linux-x64"))
    .max(16)
    .default([])
    .describe("Where the program runs: process.platform and process.arch of Node with a hyphen. Empty: anywhere."),
});

/** Where a plugin's code lies, and which tier runs it. */
export const entrySchema = z.discriminatedUnion("kind", [wasmEntrySchema, nativeEntrySchema, ipcEntrySchema], {
  error: ({ code }) => (code === "invalid_union" ? 'must be "wasm", "native" or "ipc"' : undefined),
});

export type PluginEntry = z.output<typeof entrySchema>;
export type WasmEntry = z.output<typeof wasmEntrySchema>;
export type NativeEntry = z.output<typeof nativeEntrySchema>;
export type IpcEntry = z.output<typeof ipcEntrySchema>;
