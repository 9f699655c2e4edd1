import { decodeStrictUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { z } from "zod";

/** Bytes as they travel in JSON: text when they are UTF-8, base64 when they are not. */
export type WireValue = string | { base64: string };

export function toWire(bytes: Uint8Array): WireValue {
  try {
    return decodeStrictUtf8(bytes);
  } catch {
    // Not UTF-8: text would lose bytes.
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}

/** Accepts a {@link WireValue}, gives bytes. */
export const bytesSchema = z
  .union([z.string(), z.strictObject({ base64: z.string() })], 'must be a string or {"base64": "…"}')
  .transform((value, context) => {
    if (typeof value !== "string") {
      const bytes = decodeBase64(value.base64);
      if (bytes) return bytes;
      context.addIssue({ code: "custom", path: ["base64"], message: "must be base64 with padding" });
    } else if (/\p{Surrogate}/u.test(value)) {
      context.addIssue({ code: "custom", message: "has a lone surrogate, which UTF-8 cannot carry; send base64" });
    } else {
      return encodeUtf8(value);
    }
    return z.NEVER;
  });

/** Null when it is not base64 in its canonical form. */
function decodeBase64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? new Uint8Array(bytes) : null;
}
