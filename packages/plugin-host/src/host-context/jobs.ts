import type { JobsPort } from "@aspen/feature";
import { isPermitted } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { pluginCaller } from "../plugin-rpc.js";
import { causes } from "./events.js";
import { defineHostFunction, type HostServices } from "./host-function.js";
import { jsonArg, optional, recordArg, stringArg } from "./parameters.js";

/** Bytes of a payload; it is parsed in the main thread, which everybody shares. A larger one goes through a blob. */
const PAYLOAD_BYTES = 64 * 1024;
const PAYLOAD_DEPTH = 64;

/** What a plugin may say of a job beside its type and payload. The queue checks the values. */
const OPTIONS = new Set(
  "priority delayMs timeoutMs attempts backoff maxStalls idempotencyKey dependsOn onDependencyFailure allowUnknown".split(
    " ",
  ),
);

interface JobName {
  type: string;
  id: string;
}

export const jobsSubmit = defineHostFunction<Record<string, unknown>>({
  prepare(_scope, args) {
    const type = stringArg(args, 0, "type");
    const payload = jsonArg(args, 1, "payload", PAYLOAD_BYTES, PAYLOAD_DEPTH);
    const options = recordArg(args, 2, "options");
    for (const name of Object.keys(options)) {
      if (!OPTIONS.has(name)) throw hostErrors.invalidArgument(name, "is no option of a job that a plugin submits");
    }
    return { ...options, type, payload };
  },
  async run(services, request, { grant }, { caller, chain = [] }) {
    // Whoever hears no events need not be told by one.
    const told = isPermitted(grant.permissions, "hooks:subscribe") ? { chain: causes(chain) } : {};
    return JSON.stringify(await portOf(services, "jobs_submit").submit(pluginCaller(grant, caller), request, told));
  },
});

export const jobsGet = defineHostFunction<JobName>({
  prepare: (_scope, args) => nameOf(args),
  async run(services, { type, id }, { grant }) {
    const job = await portOf(services, "jobs_get").get(grant.plugin, type, id);
    return job && JSON.stringify(job);
  },
});

export const jobsCancel = defineHostFunction<JobName & { reason: string | undefined }>({
  prepare: (_scope, args) => ({
    ...nameOf(args),
    reason: optional(recordArg(args, 2, "options").reason, "string", "reason"),
  }),
  run: async (services, { type, id, reason }, { grant }) =>
    JSON.stringify(await portOf(services, "jobs_cancel").cancel(grant.plugin, type, id, reason)),
});

function nameOf(args: readonly (Uint8Array | null)[]): JobName {
  return { type: stringArg(args, 0, "type"), id: stringArg(args, 1, "id") };
}

function portOf({ ports }: HostServices, hostFunction: string): JobsPort {
  if (!ports?.jobs) throw hostErrors.featureOff(hostFunction, "jobs");
  return ports.jobs;
}
