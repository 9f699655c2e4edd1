import { createRequire } from "node:module";
import satisfies from "semver/functions/satisfies.js";
import { type Finding, ok, problem } from "./finding.js";

/** What this package says that it needs. */
const { engines } = createRequire(import.meta.url)("@aspen/cli/package.json") as { engines: { node: string } };

export async function checkNodeVersion(version: string): Promise<Finding[]> {
  if (satisfies(version, engines.node)) return [ok("node.js", `Node.js ${version}`)];
  return [
    problem(
      "node.js",
      `Node.js ${version} is too old; ${engines.node} is needed`,
      "install the current LTS release from https://nodejs.org, or with your version manager, and start this again with it",
    ),
  ];
}
