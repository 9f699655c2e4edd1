import { LIMITS } from "@aspen/plugin-api";
import { z } from "zod";

const pluginCall = z.strictObject({
  plugin: z.string().min(1).max(LIMITS.pluginNameBytes).optional(),
  method: z.string().min(1).max(256),
  params: z.unknown().optional(),
});

const moduleRun = z.strictObject({
  module: z.string().regex(/^[0-9a-f]{64}$/, "must be the hash of a blob, 64 hexadecimal digits"),
  export: z.string().min(1).max(256).default("run"),
  input: z.unknown().optional(),
  format: z.enum(["json", "text", "base64"]).default("json"),
  memoryLimit: z.int().min(65_536).max(LIMITS.memoryMax).default(LIMITS.memoryDefault),
});

/** Payloads of jobs of the type `wasm`. */
export const wasmPayload = z.union([pluginCall, moduleRun]).superRefine((payload, context) => {
  if (!("module" in payload) || payload.format === "json") return;
  const { input = "", format } = payload;
  if (typeof input !== "string") context.addIssue(`input must be a string when format is ${format}`);
  else if (format === "base64" && !isBase64(input)) context.addIssue("input is not base64");
});

/** A method of an installed plugin, or of the plugin that answers it. */
export type PluginCall = z.output<typeof pluginCall>;
/** A module of its own, from a blob. */
export type ModuleRun = z.output<typeof moduleRun>;
export type WasmPayload = PluginCall | ModuleRun;

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
