import { forgeErrors } from "../errors.js";
import { FORGE_LIMITS } from "../limits.js";
import type { Author } from "./author.js";
import type { ForgeCheck, ForgeStore } from "./forge-store.js";
import { readRecord, writeRecord } from "./json-record.js";
import { commitStatusPrefix } from "./keys.js";
import { type RefCommand, statusesRequired } from "./policy.js";
import { ZERO_ID } from "./ref-name.js";
import type { RepositoryRecord } from "./repository.js";

export const STATUS_STATES = ["pending", "success", "failure", "error"] as const;

/** What somebody, such as a CI system, says of a commit. */
export interface StatusRecord {
  v: 1;
  state: (typeof STATUS_STATES)[number];
  description: string;
  /** Where to read more; empty for nowhere. */
  targetUrl: string;
  /** Milliseconds since the epoch. */
  at: number;
  by: Author;
}

export interface PassedStatuses {
  passed(commit: string): ReadonlySet<string>;
  /** What must hold so that all this is still true. */
  checks: ForgeCheck[];
}

/** The statuses that a policy asks for, of the commits of a push. */
export async function passedStatuses(
  store: ForgeStore,
  { id, policy }: RepositoryRecord,
  commands: readonly RefCommand[],
): Promise<PassedStatuses> {
  const wanted = new Map<string, { commit: string; context: string }>();
  for (const { ref, after } of commands) {
    if (after === ZERO_ID) continue;
    for (const context of statusesRequired(policy, ref)) {
      wanted.set(`${commitStatusPrefix(id, after)}${context}`, { commit: after, context });
    }
  }
  const passed = new Map<string, Set<string>>();
  const checks: ForgeCheck[] = [];
  const keys = [...wanted.keys()];
  for (let start = 0; start < keys.length; start += 1000) {
    const page = keys.slice(start, start + 1000);
    const found = await store.getMany(page);
    for (const [at, entry] of found.entries()) {
      const key = page[at]!;
      if (!entry || readRecord<StatusRecord>(key, entry.value, 1).state !== "success") continue;
      const { commit, context } = wanted.get(key)!;
      passed.set(commit, (passed.get(commit) ?? new Set()).add(context));
      checks.push({ key, version: entry.version });
    }
  }
  return { passed: (commit) => passed.get(commit) ?? new Set(), checks };
}

/** A status with the name under which it stands for the commit. */
export type ShownStatus = Omit<StatusRecord, "v"> & { context: string };

/** A status as somebody sent it. @throws AspenError `INVALID_PARAMS` */
export function parseStatus(given: Record<string, unknown>, by: Author, at: number): ShownStatus {
  const { context, state, description = "", targetUrl = "" } = given;
  if (!(typeof context === "string" && /^[\w./ -]{1,100}$/.test(context))) {
    throw forgeErrors.invalid("context", 'must have 1 to 100 letters, digits, spaces, "_", ".", "/" or "-"');
  }
  if (!STATUS_STATES.includes(state as StatusRecord["state"])) {
    throw forgeErrors.invalid("state", `must be one of ${STATUS_STATES.join(", ")}`);
  }
  const most = FORGE_LIMITS.statusCharacters;
  for (const [field, text] of Object.entries({ description, targetUrl })) {
    if (!(typeof text === "string" && text.length <= most)) {
      throw forgeErrors.invalid(field, `must be a text of at most ${most} characters`);
    }
  }
  if (targetUrl !== "" && !/^https?:\/\//.test(targetUrl as string)) {
    throw forgeErrors.invalid("targetUrl", "must begin with http:// or https://");
  }
  return { context, state, description, targetUrl, at, by } as ShownStatus;
}

/** Says it of a commit, in the place of what was said under its context before. @throws AspenError `PAYLOAD_TOO_LARGE` */
export async function setStatus(
  store: ForgeStore,
  { id, owner, name }: RepositoryRecord,
  commit: string,
  { context, ...status }: ShownStatus,
): Promise<ShownStatus & { commit: string }> {
  const known = await listStatuses(store, id, commit);
  if (known.length >= FORGE_LIMITS.statuses && !known.some((other) => other.context === context)) {
    throw forgeErrors.full("contexts of one commit", FORGE_LIMITS.statuses);
  }
  const key = `${commitStatusPrefix(id, commit)}${context}`;
  const data = { commit, context, ...status };
  await store.transact({
    checks: [],
    ops: [{ type: "put", key, value: writeRecord({ v: 1, ...status } satisfies StatusRecord) }],
    events: [{ topic: "forge.status", subject: `${owner}/${name}`, data }],
  });
  return data;
}

/** What was said of a commit, in the order of the contexts. */
export async function listStatuses(store: ForgeStore, id: string, commit: string): Promise<ShownStatus[]> {
  const prefix = commitStatusPrefix(id, commit);
  const { entries } = await store.scan({ prefix, limit: FORGE_LIMITS.pageMax });
  return entries.map(({ key, value }) => {
    const { v: _, ...status } = readRecord<StatusRecord>(key, value, 1);
    return { context: key.slice(prefix.length), ...status };
  });
}
