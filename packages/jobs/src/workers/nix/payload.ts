import { z } from "zod";
import { sourceArchive } from "../source-archive.js";

/** Limits of one job. Sizes are bytes. */
export const NIX_LIMITS = {
  files: 100,
  sourceBytes: 1024 * 1024,
  attributeCharacters: 256,
  pathCharacters: 512,
  outputs: 16,
  narBytes: 64 * 1024 * 1024,
  narBytesMost: 1024 * 1024 * 1024,
} as const;

const segment = /^(?!\.{1,2}$)[A-Za-z0-9._+-]{1,128}$/;
const isRelative = (path: string) => path.length <= NIX_LIMITS.pathCharacters && path.split("/").every(isSegment);
const isSegment = (text: string) => segment.test(text);

const size = (texts: readonly string[]) => texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0);

const shared = {
  attribute: z
    .string()
    .max(NIX_LIMITS.attributeCharacters)
    .regex(/^(?:[A-Za-z0-9_][A-Za-z0-9_.'+-]*)?$/, "must be names with dots between them")
    .default(""),
  nar: z.boolean().default(false),
  maxNarBytes: z.int().min(1).max(NIX_LIMITS.narBytesMost).default(NIX_LIMITS.narBytes),
  offline: z.boolean().default(true),
};

const expression = z.strictObject({
  ...shared,
  expression: z
    .string()
    .min(1)
    .refine((text) => size([text]) <= NIX_LIMITS.sourceBytes, "is over 1 MiB"),
});

const flake = z.strictObject({
  ...shared,
  flake: z
    .record(z.string().refine(isRelative, "must be a relative path of plain names"), z.string())
    .refine((files) => "flake.nix" in files, "must have a flake.nix")
    .refine((files) => Object.keys(files).length <= NIX_LIMITS.files, `has more than ${NIX_LIMITS.files} files`)
    .refine((files) => size(Object.values(files)) <= NIX_LIMITS.sourceBytes, "is over 1 MiB"),
});

const source = z.strictObject({
  ...shared,
  /** A folder of the machine, or an archive in the blob store. */
  source: z.union([z.string().min(1).max(4096).startsWith("/", "must be an absolute path"), sourceArchive]),
});

/** Payloads of jobs of the type `nix`. */
export const nixPayload = z.union([expression, flake, source]);

export type NixPayload = z.output<typeof nixPayload>;
