import type { ResolvedNodeConfig } from "@aspen/node";
import { type Finding, ok, problem } from "./finding.js";

/** The programs that the features need which are on. */
export async function checkTools({ features }: ResolvedNodeConfig): Promise<Finding[]> {
  const { toolProblems, toolsOf } = await import("@aspen/node");
  const needed = features.flatMap(toolsOf);
  const problems = await toolProblems(needed);
  if (needed.length === 0) return [ok("tools", "the features that are on need no programs")];
  if (problems.length === 0) return [ok("tools", `there are ${needed.map(({ tool }) => tool.command).join(", ")}`)];
  return problems.map(({ feature, tool: { command, version, purpose, install }, problem: what }) =>
    problem(
      "tools",
      `${command}${version === undefined ? "" : ` ${version}`} ${what}, which ${feature} needs ${purpose}`,
      `${install}; or set features.${feature} to false`,
    ),
  );
}
