import type { CallContext } from "@aspen/guest-sdk";
import { assertMayManage } from "../domain/access.js";
import { listRefs } from "../domain/list-refs.js";
import { parsePolicy } from "../domain/policy.js";
import { forgeErrors } from "../errors.js";
import { guestStore } from "./guest-store.js";
import { askingOf, objectOf, pageOf, textOf } from "./params.js";
import { namesOf, repositories } from "./repo-handlers.js";

export const refHandlers = {
  "forge.ref.list": async (params: unknown, context: CallContext) => {
    const { prefix, ...given } = objectOf(params, ["owner", "name", "prefix", "limit", "after"]);
    const record = await repositories.get(askingOf(context), ...namesOf(given));
    const below = prefix === undefined ? "refs/" : textOf("prefix", prefix, 1024);
    const page = await listRefs(guestStore, record.id, { prefix: below, ...pageOf(given) });
    if (!page) throw forgeErrors.notFound(record.owner, record.name);
    return page;
  },

  "forge.policy.get": async (params: unknown, context: CallContext) => {
    const given = objectOf(params, ["owner", "name"]);
    return (await repositories.get(askingOf(context), ...namesOf(given))).policy;
  },

  "forge.policy.set": async (params: unknown, context: CallContext) => {
    const { policy, ...given } = objectOf(params, ["owner", "name", "policy"]);
    const asking = askingOf(context);
    const record = await repositories.get(asking, ...namesOf(given));
    assertMayManage(asking, record, "protect refs of", "forge.policy.set");
    return (await repositories.update(asking, record.owner, record.name, { policy: parsePolicy(policy) })).policy;
  },
};
