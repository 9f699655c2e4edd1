import type { Author } from "./author.js";
import type { Policy } from "./policy.js";

export type Visibility = "public" | "private";

/** What is stored of a repository, beside its refs and packs. */
export interface RepositoryRecord {
  v: 1;
  /** Random, and never given again; keys and caches go by it, so that names may change hands. */
  id: string;
  owner: string;
  name: string;
  visibility: Visibility;
  /** Name of a branch, without `refs/heads/`. */
  defaultBranch: string;
  description: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  createdBy: Author;
  policy: Policy;
}

/** A record, and the version of its entry. */
export interface FoundRepository {
  readonly record: RepositoryRecord;
  readonly version: number;
}
