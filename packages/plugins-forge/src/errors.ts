import { AspenError, cut, quoted } from "@aspen/plugin-api/abi";

/** The errors of this package. */
export const forgeErrors = {
  invalid: (field: string, problem: string) => new AspenError("INVALID_PARAMS", `${field} ${problem}`, { field }),
  /** It also stands for a repository that the caller may not know of. */
  notFound: (owner: string, name: string) =>
    new AspenError(
      "FORGE_REPO_NOT_FOUND",
      `there is no repository ${quoted(`${owner}/${name}`)}, or you may not read it; create it with forge.repo.create`,
      { owner: cut(owner), name: cut(name) },
    ),
  exists: (owner: string, name: string) =>
    new AspenError("FORGE_REPO_EXISTS", `there is a repository ${owner}/${name} already; take another name`, {
      owner,
      name,
    }),
  denied: (action: string, owner: string, name: string, needed: string) =>
    new AspenError(
      "PERMISSION_DENIED",
      `you may not ${action} ${owner}/${name}; that needs the method ${needed} and keys below forge:${owner}/${name}/`,
      { needed, owner, name },
    ),
  conflict: (what: string) =>
    new AspenError("FORGE_CONFLICT", `${what} was changed by others at the same time, again and again; try again`),
  full: (what: string, most: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `${what}: at most ${most} are kept`, { most }),
  inconsistent: (key: string, problem: string) =>
    new AspenError("STORE_INCONSISTENT", `the forge's record ${quoted(key)} ${problem}`, { key: cut(key) }),
  gitFailed: (command: string, problem: string) =>
    new AspenError("FORGE_GIT_FAILED", `git ${command} failed: ${cut(problem, 512)}`, { command }),
  gitStopped: (command: string, why: string) =>
    new AspenError("FORGE_GIT_FAILED", `git ${command} was stopped: ${why}`, { command }),
  cancelled: () => new AspenError("CANCELLED", "nobody waits for the answer any more, or the node is stopping"),
  busy: (waiting: number) =>
    new AspenError("RATE_LIMITED", `${waiting} requests wait for git already; try again in a second`, {
      retryAfterMs: 1000,
    }),
  /** What a git client sent breaks the protocol. */
  protocol: (problem: string) => new AspenError("INVALID_PARAMS", `not git's protocol: ${problem}`),
} as const;
