import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { z } from "zod";

/** What the store holds of a token: never the token itself. Times are milliseconds since the epoch. */
const recordSchema = z.strictObject({
  id: z.string(),
  name: z.string().nullable(),
  methods: z.array(z.string()),
  kvPrefixes: z.array(z.string()),
  audience: z.string(),
  /** Ids of the tokens that it was derived from, the first one first. */
  chain: z.array(z.string()),
  createdBy: z.strictObject({ kind: z.string(), id: z.string() }),
  createdAt: z.number(),
  expiresAt: z.number(),
});

export type TokenRecord = z.output<typeof recordSchema>;

/** Null for what cannot be read. */
export function readTokenRecord(value: Uint8Array): TokenRecord | null {
  try {
    return recordSchema.parse(JSON.parse(decodeUtf8(value)));
  } catch {
    // It is taken for a token that is not known: whoever holds it cannot derive another.
    return null;
  }
}

export function writeTokenRecord(record: TokenRecord): Uint8Array {
  return encodeUtf8(JSON.stringify(record));
}
