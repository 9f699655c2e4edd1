import type { CallContext } from "@aspen/guest-sdk";
import { mayWrite } from "../domain/access.js";
import { isObjectId } from "../domain/ref-name.js";
import { listStatuses, parseStatus, setStatus } from "../domain/statuses.js";
import { forgeErrors } from "../errors.js";
import { guestStore } from "./guest-store.js";
import { askingOf, objectOf } from "./params.js";
import { namesOf, repositories } from "./repo-handlers.js";

export const statusHandlers = {
  "forge.status.set": async (params: unknown, context: CallContext) => {
    const given = objectOf(params, ["owner", "name", "commit", "context", "state", "description", "targetUrl"]);
    const asking = askingOf(context);
    const record = await repositories.get(asking, ...namesOf(given));
    const { owner, name } = record;
    if (!mayWrite(asking, record))
      throw forgeErrors.denied("say the status of commits of", owner, name, "forge.git.write");
    const commit = commitOf(given.commit);
    const status = parseStatus(given, { kind: asking.kind, id: asking.id }, guestStore.now());
    return setStatus(guestStore, record, commit, status);
  },

  "forge.status.list": async (params: unknown, context: CallContext) => {
    const given = objectOf(params, ["owner", "name", "commit"]);
    const record = await repositories.get(askingOf(context), ...namesOf(given));
    return { statuses: await listStatuses(guestStore, record.id, commitOf(given.commit)) };
  },
};

function commitOf(value: unknown): string {
  if (isObjectId(value)) return value;
  throw forgeErrors.invalid("commit", "must be the whole id of a commit, 40 lower-case hexadecimal digits");
}
