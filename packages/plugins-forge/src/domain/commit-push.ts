import { forgeErrors } from "../errors.js";
import { FORGE_LIMITS } from "../limits.js";
import type { ForgeCheck, ForgeStore } from "./forge-store.js";
import { readRecord, writeRecord } from "./json-record.js";
import { repoKey, rootKey, stagedKey } from "./keys.js";
import { decide, type PushFacts, type RefCommand } from "./policy.js";
import { pushEvents } from "./push-events.js";
import type { PushRequest } from "./push-request.js";
import { isRefName, ZERO_ID } from "./ref-name.js";
import { RefTable } from "./ref-table.js";
import type { FoundRepository, RepositoryRecord } from "./repository.js";
import { consistently, type FoundRoot } from "./root.js";
import type { StagedRecord } from "./staged.js";
import { type PassedStatuses, passedStatuses } from "./statuses.js";

export type PushOutcome =
  /** By the place of each command: why it was refused, or null. */
  | { done: true; refusals: (string | null)[]; packKept: boolean }
  /** Objects were taken away meanwhile: look whether all are there, and ask again. */
  | { done: false };

/** Times that another push may come first. */
const ATTEMPTS = 200;
const ATOMIC_FAILED = "atomic push failed";

/**
 * Decides on a push and makes it, in one transaction: no ref changes that the policy and the refs of that very moment do
 * not allow.
 *
 * @throws AspenError `FORGE_CONFLICT`, `STORE_INCONSISTENT`, and what the store throws
 */
export async function commitPush(store: ForgeStore, push: PushRequest): Promise<PushOutcome> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const outcome = await tryCommit(store, push);
    if (outcome !== null) return outcome;
  }
  throw forgeErrors.conflict("the repository");
}

/** Null when something changed between the look and the change. */
async function tryCommit(store: ForgeStore, push: PushRequest): Promise<PushOutcome | null> {
  const state = await stateOf(store, push);
  if (!state) return refused(push, "the repository is gone");
  const { repository, root, table } = state;
  if (root.root.pruned !== push.pruned) return { done: false };
  const statuses = await passedStatuses(store, repository.record, push.commands);
  const refusals = decideAll(push, repository.record, table, statuses);
  if (push.atomic && refusals.some((refusal) => refusal !== null)) {
    return { done: true, refusals: refusals.map((refusal) => refusal ?? ATOMIC_FAILED), packKept: false };
  }
  const accepted = push.commands.filter((_, at) => refusals[at] === null);
  if (accepted.length === 0) return { done: true, refusals, packKept: false };
  const isNew = push.pack !== null && !root.root.packs.some(({ id }) => id === push.pack!.id);
  const packs = isNew ? [...root.root.packs, push.pack!] : root.root.packs;
  if (packs.length > FORGE_LIMITS.packs) return refused(push, "too many packs wait to be compacted; try again later");
  if (table.size > FORGE_LIMITS.refs) return refused(push, `a repository has at most ${FORGE_LIMITS.refs} refs`);
  const gen = root.root.gen + 1;
  const { chunks, ops } = table.commit(gen);
  const checks: ForgeCheck[] = [
    { key: repoKey(push.repository), version: repository.version },
    { key: rootKey(push.repository), version: root.version },
    ...statuses.checks,
  ];
  if (isNew) {
    const staged = stagedKey(push.pack!.stage);
    const [entry] = await store.getMany([staged]);
    // Whoever tidies up took it for what a dead push has left, and marked it so.
    if (!entry || readRecord<StagedRecord>(staged, entry.value, 1).until === 0)
      return refused(push, "the push took too long; try again");
    checks.push({ key: staged, version: entry.version });
    ops.push({ type: "delete", key: staged });
  }
  ops.push({ type: "put", key: rootKey(push.repository), value: writeRecord({ ...root.root, gen, chunks, packs }) });
  const events = pushEvents(repository.record, push, accepted);
  const { ok } = await store.transact({ checks, ops, events });
  return ok ? { done: true, refusals, packKept: isNew } : null;
}

async function stateOf(
  store: ForgeStore,
  { repository: id }: PushRequest,
): Promise<{ repository: FoundRepository; root: FoundRoot; table: RefTable } | null> {
  const key = repoKey(id);
  const [entry] = await store.getMany([key]);
  if (!entry) return null;
  const repository = { record: readRecord<RepositoryRecord>(key, entry.value, 1), version: entry.version };
  return consistently(store, id, async (root) => {
    const table = await RefTable.read(store, id, root.root);
    return table && { repository, root, table };
  });
}

/** Changes the table by the commands that are allowed. */
function decideAll(push: PushRequest, { policy }: RepositoryRecord, table: RefTable, statuses: PassedStatuses) {
  const facts: PushFacts = { author: push.author, isFastForward: push.isFastForward, passed: statuses.passed };
  const seen = new Set<string>();
  const decideOne = (command: RefCommand): string | null => {
    const { ref, before, after } = command;
    if (!isRefName(ref)) return "not a good name for a ref";
    if (seen.has(ref)) return "the push changes it twice";
    seen.add(ref);
    if ((table.get(ref) ?? ZERO_ID) !== before) return "fetch first: it was changed by somebody else";
    if (before === ZERO_ID && after === ZERO_ID) return "there is no such ref to delete";
    const refusal = decide(policy, command, facts);
    if (refusal !== null) return refusal;
    if (after === ZERO_ID) table.delete(ref);
    else {
      const obstacle = table.obstacleTo(ref);
      if (obstacle !== undefined) return `${obstacle} is in the way`;
      table.set(ref, after);
    }
    return null;
  };
  // Deletions first, so that a push may put `a/b` in the place of `a`.
  const refusals = new Array<string | null>(push.commands.length).fill(null);
  const order = [...push.commands.keys()].sort((a, b) => rank(push.commands[a]!) - rank(push.commands[b]!));
  for (const at of order) refusals[at] = decideOne(push.commands[at]!);
  return refusals;
}

function rank({ after }: RefCommand): number {
  return after === ZERO_ID ? 0 : 1;
}

function refused({ commands }: PushRequest, why: string): PushOutcome {
  return { done: true, refusals: commands.map(() => why), packKept: false };
}
