import { z } from "zod";
import { GLOB_CHARACTERS, globProblem } from "../../archive/globs.js";
import { relativeSegments } from "../../archive/relative-path.js";
import { sourceArchive } from "../source-archive.js";

/** Hard limits of a shell job's payload and result. */
export const SHELL_LIMITS = {
  commandCharacters: 4096,
  args: 1000,
  /** Of the command, its arguments and its environment. The kernel takes no argument above 128 KiB. */
  argumentBytes: 128 * 1024 - 1,
  totalArgumentBytes: 512 * 1024,
  envNames: 200,
  stdinBytes: 8 * 1024 * 1024,
  globs: 64,
  artifacts: 1000,
  artifactBytes: 100 * 1024 * 1024,
  artifactsBytes: 500 * 1024 * 1024,
  /** Files and folders among which artifacts are looked for. */
  seenFiles: 200_000,
  maxOutputBytes: 16 * 1024 * 1024,
  /** Of each output that is in the result as text; all of it is a blob then. */
  inlineOutputBytes: 64 * 1024,
  /** Of the end of stderr that an error has. */
  stderrTailBytes: 2048,
} as const;

const noNul = (text: string) => !text.includes("\0") && text.isWellFormed();
const fits = (text: string) => Buffer.byteLength(text) <= SHELL_LIMITS.argumentBytes;
const argument = z
  .string()
  .refine(noNul, "must be well-formed text without NUL characters")
  .refine(fits, `must have at most ${SHELL_LIMITS.argumentBytes} bytes`);

/** @param allowNetwork whether a job may ask for it */
export function shellPayload(allowNetwork: boolean) {
  const { commandCharacters, args, envNames, stdinBytes, globs, maxOutputBytes } = SHELL_LIMITS;
  return z
    .strictObject({
      /** A name that is looked up in the PATH, or a path. It is started as it is; `sh` with `-c` runs a line of shell. */
      command: argument.min(1).max(commandCharacters),
      args: z.array(argument).max(args).default([]),
      env: z
        .record(
          z
            .string()
            .max(256)
            .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name of a variable"),
          argument,
        )
        .refine((env) => Object.keys(env).length <= envNames, `must have at most ${envNames} variables`)
        .default({}),
      /** Text that the program reads. */
      stdin: z
        .string()
        .refine((text) => Buffer.byteLength(text) <= stdinBytes, `must have at most ${stdinBytes} bytes`)
        .default(""),
      network: z
        .boolean()
        .refine((on) => !on || allowNetwork, "is allowed only where the worker's allowNetwork is on")
        .default(false),
      /** Where it starts, a path within the job's folder. */
      cwd: z.string().default("").transform(segments),
      /** An archive that is unpacked in the job's folder first. */
      source: sourceArchive.optional(),
      /** Files of the job's folder to keep: patterns with `*`, `**`, `?` and `{a,b}`. */
      artifacts: z.array(z.string().min(1).max(GLOB_CHARACTERS).superRefine(glob)).max(globs).default([]),
      /** Bytes of each of stdout and stderr that are kept. */
      maxOutputBytes: z
        .int()
        .min(0)
        .max(maxOutputBytes)
        .default(1024 * 1024),
    })
    .refine(
      ({ command, args: list, env }) =>
        [command, ...list, ...Object.entries(env).flat()].reduce((sum, it) => sum + Buffer.byteLength(it) + 1, 0) <=
        SHELL_LIMITS.totalArgumentBytes,
      `command, args and env must have at most ${SHELL_LIMITS.totalArgumentBytes} bytes together`,
    );
}

/** What a shell job asks for; everything but `command` may be left out. */
export type ShellPayload = z.input<ReturnType<typeof shellPayload>>;
export type NormalShellPayload = z.output<ReturnType<typeof shellPayload>>;

/** The result of a shell job whose program ended with 0. */
export interface ShellResult {
  readonly exitCode: 0;
  /** The first 64 KiB; bytes that are no UTF-8 are U+FFFD. */
  readonly stdout: string;
  readonly stderr: string;
  /** The text is not all that the program wrote. */
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  /** What was kept of it, up to `maxOutputBytes`, when that is more than the text. */
  readonly stdoutBlob?: string;
  readonly stderrBlob?: string;
  /** Kept as long as the job. */
  readonly artifacts: readonly ShellArtifact[];
}

export interface ShellArtifact {
  /** Within the job's folder. */
  readonly path: string;
  readonly blob: string;
  readonly bytes: number;
}

function segments(path: string, context: z.RefinementCtx): string {
  const parts = relativeSegments(path);
  if (typeof parts !== "string") return parts.join("/");
  context.addIssue({ code: "custom", message: parts });
  return z.NEVER;
}

function glob(pattern: string, context: z.RefinementCtx): void {
  const problem = globProblem(pattern);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
}
