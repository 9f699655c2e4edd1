import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from "jose";
import { z } from "zod";
import { ALGORITHM } from "./claims.js";

const publicKey = z.strictObject({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string().max(64) });
const privateKey = publicKey.extend({ d: z.string().max(64) });

/** What the store holds of the keys of a cluster. */
const recordSchema = z.strictObject({
  /** Random; the audience of its tokens. */
  clusterId: z.string(),
  /** What signs. */
  current: z.strictObject({ kid: z.string(), privateKey, createdAt: z.number() }),
  /** What only verifies, until everything that it signed has expired. */
  retired: z.array(z.strictObject({ kid: z.string(), publicKey, retiredAt: z.number() })),
});

export type KeyRingRecord = z.output<typeof recordSchema>;

/** The keys of a cluster, ready for use. */
export interface KeyRing {
  readonly record: KeyRingRecord;
  readonly clusterId: string;
  readonly kid: string;
  readonly signingKey: CryptoKey;
  /** Public keys by `kid`, the current one among them. */
  readonly verifying: ReadonlyMap<string, CryptoKey>;
}

/** A new pair. @param now milliseconds since the epoch */
export async function newKey(now: number): Promise<KeyRingRecord["current"]> {
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const jwk = privateKey.parse(withoutHints(await exportJWK(pair.privateKey)));
  return { kid: await calculateJwkThumbprint(publicOf(jwk)), privateKey: jwk, createdAt: now };
}

/** @throws when it is no record of keys */
export async function readKeyRing(value: Uint8Array): Promise<KeyRing> {
  const record = recordSchema.parse(JSON.parse(decodeUtf8(value)));
  const { current, retired } = record;
  const verifying = new Map<string, CryptoKey>();
  for (const { kid, publicKey } of retired) verifying.set(kid, await imported(publicKey));
  verifying.set(current.kid, await imported(publicOf(current.privateKey)));
  const signingKey = await imported(current.privateKey);
  return { record, clusterId: record.clusterId, kid: current.kid, signingKey, verifying };
}

export function writeKeyRing(record: KeyRingRecord): Uint8Array {
  return encodeUtf8(JSON.stringify(record));
}

/**
 * The record with another current key. The one before only verifies from now on; with `drop`, neither it nor any other.
 *
 * @param keepMs how long a token may live after its signature
 */
export function rotated(
  { clusterId, current, retired }: KeyRingRecord,
  next: KeyRingRecord["current"],
  { now, keepMs, drop }: { now: number; keepMs: number; drop: boolean },
): KeyRingRecord {
  const before = { kid: current.kid, publicKey: publicOf(current.privateKey), retiredAt: now };
  const kept = [before, ...retired].filter(({ retiredAt }) => retiredAt + keepMs > now);
  return { clusterId, current: next, retired: drop ? [] : kept };
}

function publicOf({ kty, crv, x }: z.output<typeof publicKey>): z.output<typeof publicKey> {
  return { kty, crv, x };
}

async function imported(jwk: z.output<typeof publicKey>): Promise<CryptoKey> {
  return (await importJWK(jwk, ALGORITHM)) as CryptoKey;
}

/** Without what an export may add about the use of the key. */
function withoutHints({ kty, crv, x, d }: Record<string, unknown>) {
  return { kty, crv, x, d };
}
