import type { Author } from "../domain/author.js";
import { commitPush, type PushOutcome } from "../domain/commit-push.js";
import type { PushRequest } from "../domain/push-request.js";
import { ZERO_ID } from "../domain/ref-name.js";
import type { FoundRepository, RepositoryRecord } from "../domain/repository.js";
import type { PackRecord } from "../domain/root.js";
import { Incoming } from "./incoming.js";
import type { GatewayParts } from "./parts.js";
import type { ReceiveRequest } from "./receive-request.js";
import type { CachedRepository } from "./repository-cache.js";
import { dropStaged, stagePack } from "./staging.js";

/** What becomes of a push: of its pack, and of each command by its place. */
export interface ReceiveResult {
  readonly unpacked: string;
  readonly refusals: readonly (string | null)[];
}

export interface ReceiveParts extends GatewayParts {
  /** Told of each repository that has got a pack. */
  onPack(record: RepositoryRecord): void;
}

export interface Receive {
  readonly repository: FoundRepository;
  readonly author: Author;
  readonly request: ReceiveRequest;
  readonly signal: AbortSignal;
}

/** Times that objects may be taken away under a push. */
const ATTEMPTS = 5;
const GONE = "the repository is gone";

/**
 * Makes a push: its objects are checked where nobody sees them, stored, and become part of the repository in the
 * transaction that changes the refs. The pack is read to its end in any case, because a client hears only then.
 */
export async function receivePack(parts: ReceiveParts, receive: Receive): Promise<ReceiveResult> {
  const { repository, request, signal } = receive;
  if (request.refusal !== null) {
    await discard(request.pack);
    return refuse(request, request.refusal, "ok");
  }
  using target = await parts.cache.open(repository.record, signal);
  if (!target) {
    await discard(request.pack);
    return refuse(request, GONE, "ok");
  }
  const incoming = await Incoming.open(parts, target, signal);
  try {
    return await take(parts, receive, target, incoming);
  } finally {
    await incoming[Symbol.asyncDispose]();
  }
}

async function take(
  parts: ReceiveParts,
  { repository, author, request, signal }: Receive,
  target: CachedRepository,
  incoming: Incoming,
): Promise<ReceiveResult> {
  const { commands } = request;
  const brings = commands.some(({ after }) => after !== ZERO_ID);
  const { refusal, id, connected } = brings
    ? await incoming.index(request.pack)
    : { refusal: null, id: null, connected: true };
  await discard(request.pack);
  if (refusal !== null) return refuse(request, "unpacker error", refusal);
  const missing = await incoming.missing(commands, connected);
  if (missing !== null) return refuse(request, missing, "ok");
  const isFastForward = await incoming.fastForwards(commands, repository.record.policy);
  const pack = id === null ? null : await stagePack(parts, incoming.packFolder, id, signal);
  const push: PushRequest = {
    ...{ repository: repository.record.id, author, commands, atomic: request.atomic, pack },
    ...{ pruned: target.root.pruned, isFastForward },
    commitsOf: () => [],
    url: `${parts.url()}/git/${repository.record.owner}/${repository.record.name}.git`,
  };
  let kept = false;
  try {
    const outcome = await commitOrLookAgain(parts, push, incoming, { repository, signal });
    if (!outcome.done) return refuse(request, "objects are removed again and again; try again", "ok");
    kept = outcome.packKept;
    if (kept) {
      await parts.cache.adopt(repository.record.id, incoming.packFolder, id!);
      parts.onPack(repository.record);
    }
    return { unpacked: "ok", refusals: outcome.refusals };
  } finally {
    // Also when nobody knows whether the transaction was made: a pack that is part of a repository stays.
    if (pack !== null && !kept) await letGo(parts, pack);
  }
}

/** When objects were taken away meanwhile, looks at what is there now before it tries again. */
async function commitOrLookAgain(
  parts: GatewayParts,
  push: PushRequest,
  incoming: Incoming,
  { repository, signal }: Pick<Receive, "repository" | "signal">,
): Promise<PushOutcome> {
  let { pruned } = push;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const outcome = await commitPush(parts.store, { ...push, pruned });
    if (outcome.done) return outcome;
    using target = await parts.cache.open(repository.record, signal);
    const why = target ? await incoming.missing(push.commands, false) : GONE;
    if (why !== null) return { done: true, refusals: push.commands.map(() => why), packKept: false };
    pruned = target!.root.pruned;
  }
  return { done: false };
}

async function letGo(parts: GatewayParts, pack: PackRecord): Promise<void> {
  try {
    await dropStaged(parts, pack.stage, { onlyAfter: false });
  } catch (error) {
    parts.log.warn({ err: error, stage: pack.stage }, "a pack that was refused is removed later");
  }
}

function refuse({ commands }: ReceiveRequest, why: string, unpacked: string): ReceiveResult {
  return { unpacked, refusals: commands.map(() => why) };
}

async function discard(rest: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of rest);
}
