import type { ResolvedNodeConfig } from "@aspen/node";
import { AspenError } from "@aspen/plugin-api";
import { checkClock } from "./clock.js";
import { checkDataDir } from "./data-dir.js";
import { type Finding, ok, problem } from "./finding.js";
import { checkNodeVersion } from "./node-version.js";
import { type DoctorOptions, systemClock } from "./options.js";
import { checkRedis } from "./redis.js";
import { checkRunningNode } from "./running-node.js";
import { checkTools } from "./tools.js";

/** Looks at everything that a node needs on this machine, and at the node that runs. Changes nothing; never rejects. */
export async function examine(options: DoctorOptions): Promise<Finding[]> {
  const { checkMs = 60_000, clock = systemClock } = options;
  const within = (check: string, work: Promise<Finding[]>) => limited(check, checkMs, work);
  const { config, findings } = await configuration(options);
  const checks = await Promise.all([
    within("node.js", checkNodeVersion(options.nodeVersion ?? process.versions.node)),
    findings,
    within("clock", checkClock(clock)),
    ...(config ? [within("store", checkStore(config, options)), within("tools", checkTools(config))] : []),
    within("node", checkRunningNode(options.node)),
  ]);
  return checks.flat();
}

async function configuration({ settings }: DoctorOptions) {
  const invalid = (thrown: unknown) => ({
    config: null,
    findings: [
      problem(
        "configuration",
        AspenError.from(thrown).message,
        "correct the field that is named; `aspen config print` shows where each value comes from",
      ),
    ],
  });
  if ("error" in settings) return invalid(settings.error);
  try {
    const { resolveConfig } = await import("@aspen/node");
    const config = await resolveConfig(settings.config);
    const on = config.features.map(({ feature }) => feature.name).join(", ");
    return { config, findings: [ok("configuration", `it is valid; features: ${on}`)] };
  } catch (error) {
    return invalid(error);
  }
}

function checkStore({ dataDir, redisUrl }: ResolvedNodeConfig, options: DoctorOptions): Promise<Finding[]> {
  const { clock = systemClock, freeSpace } = options;
  if (dataDir !== undefined) return checkDataDir(dataDir, freeSpace);
  return checkRedis(redisUrl!, clock);
}

/** A check that fails, or that hangs as on a file system of a network that is gone, is a finding as well. */
async function limited(check: string, ms: number, work: Promise<Finding[]>): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    const finding = problem(
      check,
      `it could not be looked at within ${ms} ms`,
      "look what it waits for, then try again",
    );
    timer = setTimeout(() => resolve([finding]), ms);
  });
  const failed = (thrown: unknown) => [
    problem(check, AspenError.from(thrown).message, "mend what the message names, then try again"),
  ];
  try {
    return await Promise.race([work.catch(failed), late]);
  } finally {
    clearTimeout(timer);
  }
}
