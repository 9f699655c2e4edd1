import { cut, quoted } from "@aspen/plugin-api";
import { jobsErrors } from "./errors.js";
import type { JobRequest } from "./job.js";
import { JOB_LIMITS, type NormalRequest, normalRequest } from "./options.js";

/** A job of a flow. `dependsOn` has names of other jobs of the flow, and ids of jobs that are there. */
export interface FlowJob extends Omit<JobRequest, "idempotencyKey"> {
  /** What the other jobs of the flow call it: letters, digits and `_ . -`, at most 64; no id of a job. */
  name: string;
}

/** A {@link FlowJob} with every default. Its request depends on jobs that are there, and on no others. */
export interface NormalFlowJob {
  readonly name: string;
  readonly request: NormalRequest;
  /** Names of those jobs of the flow that it depends on. */
  readonly after: readonly string[];
}

const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @throws AspenError `INVALID_PARAMS` naming the job and the field */
export function normalFlow(jobs: readonly FlowJob[]): NormalFlowJob[] {
  if (!Array.isArray(jobs) || jobs.length < 1 || jobs.length > JOB_LIMITS.flowJobs) {
    throw jobsErrors.invalid("jobs", `must be a list of 1 to ${JOB_LIMITS.flowJobs} jobs`);
  }
  const names = new Set<string>();
  for (const { name } of jobs) {
    if (typeof name !== "string" || !NAME.test(name) || ID.test(name)) {
      throw jobsErrors.invalid(
        "jobs",
        "must each have a name of 1 to 64 letters, digits and _ . -, which is no job's id",
      );
    }
    if (names.has(name)) throw jobsErrors.invalid("jobs", `has two jobs named ${quoted(name)}`);
    names.add(name);
  }
  const normal = jobs.map((job) => normalJob(job, names));
  const circle = findCircle(new Map(normal.map(({ name, after }) => [name, after])));
  if (circle) throw jobsErrors.invalid("jobs", `wait for each other in a circle: ${cut(circle.join(" -> "), 1024)}`);
  return normal;
}

function normalJob({ name, ...job }: FlowJob, names: ReadonlySet<string>): NormalFlowJob {
  const dependsOn = [...new Set(job.dependsOn ?? [])];
  if (dependsOn.length > JOB_LIMITS.dependencies) {
    throw jobsErrors.invalid(
      `${name}.dependsOn`,
      `names ${dependsOn.length} jobs; at most ${JOB_LIMITS.dependencies} are allowed`,
    );
  }
  if ("idempotencyKey" in job && job.idempotencyKey !== undefined) {
    throw jobsErrors.invalid(`${name}.idempotencyKey`, "is not for the job of a flow, which is new as a whole");
  }
  const after = dependsOn.filter((it) => names.has(it));
  const there = dependsOn.filter((it) => !names.has(it));
  const stranger = there.find((it) => typeof it !== "string" || !ID.test(it));
  if (stranger !== undefined) {
    throw jobsErrors.invalid(
      `${name}.dependsOn`,
      `names ${quoted(String(stranger))}, which is no job of the flow and no id`,
    );
  }
  return { name, after, request: normalRequest({ ...job, dependsOn: there }) };
}

/** Names that lead from one back to itself, or null. */
function findCircle(after: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): string[] | null => {
    if (done.has(name)) return null;
    const at = path.indexOf(name);
    if (at !== -1) return [...path.slice(at), name];
    path.push(name);
    for (const parent of after.get(name)!) {
      const circle = visit(parent);
      if (circle) return circle;
    }
    path.pop();
    done.add(name);
    return null;
  };
  for (const name of after.keys()) {
    const circle = visit(name);
    if (circle) return circle;
  }
  return null;
}
