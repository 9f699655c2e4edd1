/** Schemas of what methods share, for those who write theirs with zod. @module */
import { AspenError } from "@aspen/plugin-api/abi";
import { z } from "zod";
import { fromWire, type WireValue } from "./wire-value.js";

/** A {@link WireValue} as it is: for results. */
export const wireValueSchema: z.ZodType<WireValue, WireValue> = z.union(
  [z.string(), z.strictObject({ base64: z.string() })],
  'must be a string or {"base64": "…"}',
);

/** Takes a {@link WireValue}, gives its bytes: for params. */
export const bytesSchema: z.ZodType<Uint8Array, WireValue> = wireValueSchema.transform((value, context) => {
  try {
    return fromWire(value);
  } catch (error) {
    const { message } = AspenError.from(error);
    context.addIssue({ code: "custom", message, ...(typeof value === "string" ? {} : { path: ["base64"] }) });
    return z.NEVER;
  }
});
