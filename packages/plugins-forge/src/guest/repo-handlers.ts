import { type CallContext, rpc } from "@aspen/guest-sdk";
import { Repositories, type RepositorySettings } from "../domain/repositories.js";
import type { RepositoryRecord } from "../domain/repository.js";
import { forgeErrors } from "../errors.js";
import { guestStore } from "./guest-store.js";
import { askingOf, objectOf, pageOf } from "./params.js";

export const repositories = new Repositories(guestStore);

const SETTINGS = ["visibility", "defaultBranch", "description"] as const;

/** A repository as it is shown. */
async function shown(record: RepositoryRecord, base?: string) {
  const { owner, name, visibility, defaultBranch, description, createdAt, createdBy } = record;
  const url = base ?? (await gatewayUrl());
  const cloneUrl = `${url}/git/${owner}/${name}.git`;
  return { owner, name, visibility, defaultBranch, description, createdAt, createdBy, cloneUrl };
}

async function gatewayUrl(): Promise<string> {
  return (await rpc.call<{ url: string }>("forge.gateway.info")).url;
}

/** The names of a repository in the params of a call; whether they are good is seen where they are used. */
export function namesOf({ owner, name }: Record<string, unknown>): [owner: string, name: string] {
  return [owner as string, name as string];
}

export const repoHandlers = {
  "forge.repo.create": async (params: unknown, context: CallContext) => {
    const given = objectOf(params, ["owner", "name", ...SETTINGS]);
    const record = await repositories.create(askingOf(context), ...namesOf(given), settingsOf(given));
    return shown(record);
  },

  "forge.repo.get": async (params: unknown, context: CallContext) => {
    const given = objectOf(params, ["owner", "name"]);
    return shown(await repositories.get(askingOf(context), ...namesOf(given)));
  },

  "forge.repo.list": async (params: unknown, context: CallContext) => {
    const { owner, ...page } = objectOf(params ?? {}, ["owner", "limit", "after"]);
    const named = owner === undefined ? {} : { owner: owner as string };
    const { repositories: records, cursor } = await repositories.list(askingOf(context), { ...named, ...pageOf(page) });
    const url = await gatewayUrl();
    return { repositories: await Promise.all(records.map((record) => shown(record, url))), cursor };
  },

  "forge.repo.update": async (params: unknown, context: CallContext) => {
    const given = objectOf(params, ["owner", "name", ...SETTINGS]);
    return shown(await repositories.update(askingOf(context), ...namesOf(given), settingsOf(given)));
  },

  "forge.repo.rename": async (params: unknown, context: CallContext) => {
    const given = objectOf(params, ["owner", "name", "to"]);
    const to = objectOf(given.to, ["owner", "name"]) as { owner?: string; name: string };
    return shown(await repositories.rename(askingOf(context), ...namesOf(given), to));
  },

  "forge.repo.delete": async (params: unknown, context: CallContext) => {
    const given = objectOf(params, ["owner", "name"]);
    const { owner, name } = await repositories.delete(askingOf(context), ...namesOf(given));
    return { deleted: `${owner}/${name}` };
  },
};

function settingsOf({ visibility, defaultBranch, description }: Record<string, unknown>): RepositorySettings {
  if (visibility === null || defaultBranch === null || description === null) {
    throw forgeErrors.invalid("params", "has null where a text is needed");
  }
  return {
    ...(visibility === undefined ? {} : { visibility }),
    ...(defaultBranch === undefined ? {} : { defaultBranch }),
    ...(description === undefined ? {} : { description }),
  } as RepositorySettings;
}
