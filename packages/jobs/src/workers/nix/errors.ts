import { AspenError, cut, quoted } from "@aspen/plugin-api";
import { PermanentFailure } from "../../errors.js";

/** The errors of jobs of the type `nix`. */
export const nixErrors = {
  /** `tail`: the end of its log. */
  failed: (exitCode: number, problem: string, tail: string) =>
    new AspenError("JOB_EXIT_NONZERO", `the build failed: ${cut(problem, 1024)}`, { exitCode, tail }),
  evaluation: (problem: string) =>
    new PermanentFailure(`nix refuses the job: ${cut(problem, 2048)}`, "JOB_EXIT_NONZERO"),
  sourceRefused: (path: string) =>
    new PermanentFailure(
      `the source ${quoted(path)} is in none of the folders that features.nix-worker.sources names`,
      "PERMISSION_DENIED",
    ),
  networkRefused: () =>
    new PermanentFailure(
      "the job asks for the network with offline: false; features.nix-worker.network of the node is off",
      "PERMISSION_DENIED",
    ),
  tooMany: (count: number, most: number) =>
    new PermanentFailure(`the build has ${count} outputs; at most ${most} are allowed`, "PAYLOAD_TOO_LARGE"),
  narTooLarge: (path: string, bytes: number, most: number) =>
    new PermanentFailure(
      `the NAR of ${cut(path)} has ${bytes} bytes; the job's maxNarBytes allows ${most}`,
      "PAYLOAD_TOO_LARGE",
    ),
  badAnswer: (what: string) => new AspenError("JOB_FAILED", `nix answered what cannot be read: ${cut(what)}`),
  unusable: (problem: string) =>
    new AspenError(
      "TOOL_MISSING",
      `nix cannot be run in namespaces of its own here, and is not run without: ${cut(problem, 1024)}`,
    ),
} as const;
