import { FORGE_LIMITS } from "../limits.js";
import type { ForgeEvent } from "./forge-store.js";
import type { RefCommand } from "./policy.js";
import type { PushRequest } from "./push-request.js";
import { ZERO_ID } from "./ref-name.js";
import type { RepositoryRecord } from "./repository.js";

/**
 * The events of a push. `forge.push` has the fields of GitHub's push event (docs.github.com, webhook events and payloads,
 * `push`) as far as the forge knows them, one for each ref; a push of more refs than `FORGE_LIMITS.eventRefs` has one
 * `forge.push_many` for all of them.
 */
export function pushEvents(
  repository: RepositoryRecord,
  push: PushRequest,
  commands: readonly RefCommand[],
): ForgeEvent[] {
  const subject = `${repository.owner}/${repository.name}`;
  const common = {
    repository: repositoryOf(repository, push.url),
    pusher: { name: push.author.id },
    sender: push.author,
  };
  if (commands.length > FORGE_LIMITS.eventRefs) {
    return [{ topic: "forge.push_many", subject, data: { ...common, refs: commands.length } }];
  }
  return commands.map((command) => {
    const { ref, before, after } = command;
    const created = before === ZERO_ID;
    const deleted = after === ZERO_ID;
    const commits = push.commitsOf(command);
    const data = {
      ...{ ref, before, after, created, deleted },
      forced: !created && !deleted && !push.isFastForward(command),
      base_ref: null,
      commits,
      head_commit: commits.at(-1) ?? null,
      ...common,
    };
    return { topic: "forge.push", subject, data };
  });
}

export function repositoryOf(record: RepositoryRecord, url: string): object {
  const { id, owner, name, visibility, defaultBranch, description, createdAt } = record;
  return {
    id,
    name,
    full_name: `${owner}/${name}`,
    private: visibility === "private",
    owner: { name: owner, login: owner },
    description,
    default_branch: defaultBranch,
    created_at: Math.floor(createdAt / 1000),
    clone_url: url,
  };
}
