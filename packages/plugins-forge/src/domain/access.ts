import { forgeErrors } from "../errors.js";
import type { RepositoryRecord } from "./repository.js";

/** Who asks, as far as access goes: what its grants cover. */
export interface Asking {
  readonly kind: string;
  readonly id: string;
  /** `method` is that of a granted pattern. */
  mayCall(method: string): boolean;
  /** `key` begins as a granted prefix does. */
  mayKey(key: string): boolean;
}

/** What git clients do, in the words of grants: who clones needs the first, who pushes both. */
export const GIT_READ = "forge.git.read";
export const GIT_WRITE = "forge.git.write";

type Named = Pick<RepositoryRecord, "owner" | "name">;

/** The key prefix that stands for a repository in grants; `forge:<owner>/` stands for all of an owner. */
export function grantKey({ owner, name }: Named): string {
  return `forge:${owner}/${name}/`;
}

export function mayRead(asking: Asking, repository: Named & Pick<RepositoryRecord, "visibility">): boolean {
  return repository.visibility === "public" || (asking.mayCall(GIT_READ) && asking.mayKey(grantKey(repository)));
}

export function mayWrite(asking: Asking, repository: Named): boolean {
  return asking.mayCall(GIT_WRITE) && asking.mayKey(grantKey(repository));
}

/**
 * @throws AspenError `FORGE_REPO_NOT_FOUND` for who may not even know of it, `PERMISSION_DENIED` for who may read it
 */
export function assertMayManage(asking: Asking, repository: RepositoryRecord, action: string, method: string): void {
  if (asking.mayKey(grantKey(repository))) return;
  const { owner, name } = repository;
  if (!mayRead(asking, repository)) throw forgeErrors.notFound(owner, name);
  throw forgeErrors.denied(action, owner, name, method);
}
