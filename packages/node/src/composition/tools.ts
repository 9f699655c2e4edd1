import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { SystemTool } from "@aspen/feature";
import coerce from "semver/functions/coerce.js";
import satisfies from "semver/functions/satisfies.js";
import validRange from "semver/ranges/valid.js";
import { nodeErrors } from "../errors.js";
import type { SelectedFeature } from "./select-features.js";

/** Milliseconds that a program has to say its version, and bytes of what it says that are looked at. */
const ANSWER_MS = 30_000;
const ANSWER_BYTES = 64 * 1024;

const run = promisify(execFile);

/** A program, and the feature that needs it. */
export interface NeededTool {
  feature: string;
  tool: SystemTool;
}

/** What a feature needs. @throws AspenError `FEATURE_FAILED` naming the feature when it cannot say */
export function toolsOf({ feature, config }: SelectedFeature): NeededTool[] {
  try {
    return (feature.tools?.(config) ?? []).map((tool) => ({ feature: feature.name, tool }));
  } catch (error) {
    throw nodeErrors.featureBroken(feature.name, "tools", error);
  }
}

/** What is wrong with a program. */
export interface ToolProblem extends NeededTool {
  /** `is not there`, `has version 0.7.0` */
  problem: string;
}

/** Asks every program for its version. @throws AspenError `TOOL_MISSING` naming each that is missing or too old */
export async function checkTools(needed: readonly NeededTool[]): Promise<void> {
  const problems = await toolProblems(needed);
  if (problems.length > 0) throw nodeErrors.toolMissing(problems);
}

/** Asks every program for its version, 30 s at most; gives those that are missing or too old. */
export async function toolProblems(needed: readonly NeededTool[]): Promise<ToolProblem[]> {
  const problems = await Promise.all(
    needed.map(async ({ feature, tool }) => {
      const problem = await problemOf(tool);
      return problem === null ? [] : [{ feature, tool, problem }];
    }),
  );
  return problems.flat();
}

async function problemOf({ command, versionArguments = ["--version"], version }: SystemTool): Promise<string | null> {
  if (version !== undefined && validRange(version) === null) return "is asked for in a range that is none";
  let said: string;
  try {
    const asked = run(command, versionArguments, {
      timeout: ANSWER_MS,
      maxBuffer: ANSWER_BYTES,
      killSignal: "SIGKILL",
    });
    asked.child.stdin?.end();
    const { stdout, stderr } = await asked;
    said = stdout + stderr;
  } catch (error) {
    const { code, killed, message } = error as NodeJS.ErrnoException & { killed?: boolean };
    if (code === "ENOENT") return "is not there";
    if (killed) return `did not say its version within ${ANSWER_MS / 1000} s`;
    return `cannot be run: ${message.split("\n", 1)[0]}`;
  }
  if (version === undefined) return null;
  const found = coerce(said);
  if (!found) return "does not say its version";
  return satisfies(found, version) ? null : `has version ${found}`;
}
