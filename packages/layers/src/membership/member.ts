import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { z } from "zod";
import { layersErrors } from "../errors.js";

/** Most bytes of a member's record. */
const RECORD_BYTES_MAX = 256 * 1024;
/** Most names in one list of a record. */
const NAMES_MAX = 4000;
/** Most requests that a load tells of. */
const LOAD_MAX = 1_000_000_000;

const names = z.array(z.string().min(1).max(256)).max(NAMES_MAX).readonly();

const infoSchema = z.object({
  id: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, "must be 1 to 128 letters, digits and characters of ._-"),
  address: z
    .url({ protocol: /^https?$/ })
    .max(512)
    .nullable(),
  version: z.string().max(64),
  state: z.enum(["serving", "draining"]),
  methods: names,
  safeMethods: names,
  features: names,
  jobTypes: names,
});

const recordSchema = infoSchema.extend({ incarnation: z.int().min(1) });
const beatSchema = z.object({ incarnation: z.int().min(0), load: z.int().min(0).max(LOAD_MAX) });

/** What a member says of itself. Each list has at most 4,000 names of at most 256 characters, the whole 256 KiB. */
export interface MemberInfo {
  /** 1 to 128 letters, digits and characters of `._-`. Two members that live at one time must not share it. */
  readonly id: string;
  /** HTTP URL at which other members reach it; null: nowhere. At most 512 characters. */
  readonly address: string | null;
  /** Of its program; at most 64 characters. */
  readonly version: string;
  /** `draining`: it ends what it has begun, and wants nothing new. */
  readonly state: "serving" | "draining";
  /** Methods, and `prefix.*` patterns, that it answers. */
  readonly methods: readonly string[];
  /** Those of them that may be called twice with the effect of once. */
  readonly safeMethods: readonly string[];
  readonly features: readonly string[];
  readonly jobTypes: readonly string[];
}

/** The record of a member, as it is stored. */
export interface MemberRecord extends MemberInfo {
  /** Grows with each join under one id, also across restarts: a member that was taken for dead comes back with another. */
  readonly incarnation: number;
}

/** A sign of life. */
export interface Beat {
  readonly incarnation: number;
  readonly load: number;
}

/** @throws AspenError `INVALID_PARAMS` naming the field, `PAYLOAD_TOO_LARGE` */
export function encodeRecord(record: MemberRecord): Uint8Array {
  const checked = recordSchema.safeParse(record);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw layersErrors.invalid(issue!.path.join(".") || "member", `is refused: ${issue!.message}`);
  }
  const bytes = encodeUtf8(JSON.stringify(checked.data));
  if (bytes.length > RECORD_BYTES_MAX) throw layersErrors.memberTooLarge(RECORD_BYTES_MAX);
  return bytes;
}

/** What was stored under a member's id; null when it is no such record, whoever wrote that. */
export function decodeRecord(id: string, bytes: Uint8Array): MemberRecord | null {
  if (bytes.length > RECORD_BYTES_MAX) return null;
  const parsed = recordSchema.safeParse(json(bytes));
  return parsed.success && parsed.data.id === id ? parsed.data : null;
}

export function encodeBeat({ incarnation, load }: Beat): Uint8Array {
  const whole = Number.isFinite(load) ? Math.min(LOAD_MAX, Math.max(0, Math.round(load))) : LOAD_MAX;
  return encodeUtf8(JSON.stringify({ incarnation, load: whole }));
}

export function decodeBeat(bytes: Uint8Array): Beat | null {
  if (bytes.length > 256) return null;
  const parsed = beatSchema.safeParse(json(bytes));
  return parsed.success ? parsed.data : null;
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch {
    // Somebody else's bytes: no record, which the schema says.
    return undefined;
  }
}
