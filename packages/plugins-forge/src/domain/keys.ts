/** Where the store has what; all of it in one namespace, so that one transaction can change it. */
export const FORGE_NAMESPACE = "forge:";
export const NAMES_PREFIX = "forge:name:";
export const STAGED_PREFIX = "forge:staged:";
export const GONE_PREFIX = "forge:gone:";

export const nameKey = (owner: string, name: string) => `${NAMES_PREFIX}${owner}/${name}`;
export const repoKey = (id: string) => `forge:repo:${id}`;
export const rootKey = (id: string) => `forge:root:${id}`;
export const refsPrefix = (id: string) => `forge:refs:${id}:`;
export const refsKey = (id: string, chunk: string) => `${refsPrefix(id)}${chunk}`;
export const statusPrefix = (id: string) => `forge:status:${id}:`;
export const commitStatusPrefix = (id: string, commit: string) => `${statusPrefix(id)}${commit}:`;
export const stagedKey = (stage: string) => `${STAGED_PREFIX}${stage}`;
export const goneKey = (id: string) => `${GONE_PREFIX}${id}`;

/** The tag by which a stored pack and its index are kept from the blob store's garbage collection. */
export const packTag = (stage: string) => `forge:pack:${stage}`;
