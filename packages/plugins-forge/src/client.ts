/** The methods of the forge, with their types, for those who call them. @module */
import type { RpcClient } from "@aspen/rpc-core";
import type { Author } from "./domain/author.js";
import type { ListedRef } from "./domain/list-refs.js";
import type { Policy } from "./domain/policy.js";
import type { RepositorySettings } from "./domain/repositories.js";
import type { Visibility } from "./domain/repository.js";
import type { ShownStatus, StatusRecord } from "./domain/statuses.js";

export type { PolicyRule } from "./domain/policy.js";
export type { Author, ListedRef, Policy, RepositorySettings, ShownStatus, Visibility };

/** A repository is named by its owner and its name. */
export interface RepositoryName {
  owner: string;
  name: string;
}

/** A repository as it is shown. */
export interface ShownRepository extends RepositoryName {
  visibility: Visibility;
  defaultBranch: string;
  description: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  createdBy: Author;
  /** For `git clone`. */
  cloneUrl: string;
}

/** Which part of a list is wanted: at most 1,000 entries; 100 unless `limit` says so. */
export interface PageParams {
  limit?: number;
  /** The cursor of the page before. */
  after?: string;
}

export interface StatusParams extends RepositoryName {
  /** Whole id of the commit. */
  commit: string;
  /** What says it, such as `ci/test`. */
  context: string;
  state: StatusRecord["state"];
  description?: string;
  targetUrl?: string;
}

/** Params and results of the methods, by name. */
export interface ForgeMethods {
  "forge.repo.create": { params: RepositoryName & RepositorySettings; result: ShownRepository };
  "forge.repo.get": { params: RepositoryName; result: ShownRepository };
  /** A page may be shorter than `limit`; the cursor of the last one is null. */
  "forge.repo.list": {
    params: { owner?: string } & PageParams;
    result: { repositories: ShownRepository[]; cursor: string | null };
  };
  "forge.repo.update": { params: RepositoryName & RepositorySettings; result: ShownRepository };
  "forge.repo.rename": { params: RepositoryName & { to: { owner?: string; name: string } }; result: ShownRepository };
  "forge.repo.delete": { params: RepositoryName; result: { deleted: string } };
  /** Refs whose names start with `prefix`: `refs/` unless it is given. */
  "forge.ref.list": {
    params: RepositoryName & { prefix?: string } & PageParams;
    result: { refs: ListedRef[]; cursor: string | null };
  };
  "forge.policy.get": { params: RepositoryName; result: Policy };
  "forge.policy.set": { params: RepositoryName & { policy: Policy }; result: Policy };
  "forge.status.set": { params: StatusParams; result: ShownStatus & { commit: string } };
  "forge.status.list": { params: RepositoryName & { commit: string }; result: { statuses: ShownStatus[] } };
}

declare module "@aspen/rpc-core" {
  interface RpcMethods extends ForgeMethods {}
}

/** Every repository that the caller may read, page after page. */
export async function* allRepositories(
  client: RpcClient,
  { owner }: { owner?: string } = {},
): AsyncIterable<ShownRepository> {
  let after: string | null = null;
  do {
    const page: ForgeMethods["forge.repo.list"]["result"] = await client.call("forge.repo.list", {
      ...(owner === undefined ? {} : { owner }),
      ...(after === null ? {} : { after }),
    });
    yield* page.repositories;
    after = page.cursor;
  } while (after !== null);
}
