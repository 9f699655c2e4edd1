import { AspenError, cut, LIMITS, quoted } from "@aspen/plugin-api/abi";

/** The errors of this package. */
export const storageErrors = {
  keyInvalid: (key: string, problem: string) =>
    new AspenError("KV_KEY_INVALID", `key ${quoted(key)} cannot be used: ${problem}`, { key: cut(key) }),
  valueTooLarge: (key: string, bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the value of ${quoted(key)} has ${bytes} bytes; at most ${LIMITS.valueBytes} are allowed`,
      {
        key: cut(key),
        bytes,
        limit: LIMITS.valueBytes,
      },
    ),
  invalid: (field: string, problem: string) => new AspenError("INVALID_PARAMS", `${field} ${problem}`, { field }),
  crossNamespace: (first: string, second: string) =>
    new AspenError(
      "CROSS_NAMESPACE",
      `a transaction stays in one namespace, but names keys of ${quoted(first)} and of ${quoted(second)}; use one transaction for each`,
      { namespaces: [cut(first), cut(second)] },
    ),
  cursorInvalid: () =>
    new AspenError(
      "CURSOR_INVALID",
      "the cursor is not one of this scan; start again without it or use the one of the last page",
    ),
  resultTooLarge: (bytes: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the result has ${bytes} bytes; at most ${LIMITS.messageBytes} are allowed: ask for less at once`,
      { limit: LIMITS.messageBytes },
    ),
  conflict: (key: string, attempts: number) =>
    new AspenError(
      "KV_CONFLICT",
      `${attempts} attempts to change ${quoted(key)} failed, as others changed it first each time; try again, or write to it from fewer places`,
      { key: cut(key), attempts },
    ),
  cancelled: (what: string) => new AspenError("CANCELLED", `the caller gave up ${what}`),
  watchCompacted: (namespace: string, since: number) =>
    new AspenError(
      "WATCH_COMPACTED",
      `the store no longer keeps the changes of ${quoted(namespace)} since version ${since}; watch without since to begin with a snapshot`,
      { namespace: cut(namespace), since },
    ),
  namespaceDenied: (kind: "key" | "prefix", value: string, allowed: readonly string[]) =>
    new AspenError(
      "KV_NAMESPACE_DENIED",
      `${kind} ${quoted(value)} lies outside the allowed prefixes ${allowed.map((prefix) => quoted(prefix)).join(", ")}`,
      { [kind]: cut(value, LIMITS.keyBytes), allowed: [...allowed] },
    ),
  unavailable: (problem: string, cause?: unknown) =>
    new AspenError("STORE_UNAVAILABLE", `the store cannot be used: ${problem}`, undefined, cause),
  packageMissing: (driver: string, install: string, cause: unknown) =>
    new AspenError(
      "PACKAGE_MISSING",
      `${driver} needs a package that is not installed; install what it needs: ${install}`,
      { install },
      cause,
    ),
  full: (what: string, cause: unknown) =>
    new AspenError(
      "STORE_UNAVAILABLE",
      `Redis refused ${what}, as its memory is full; delete keys, run \`aspen blob gc\`, or raise its maxmemory`,
      undefined,
      cause,
    ),
  directoryInUse: (directory: string, owner: { pid: number; host: string } | null) =>
    new AspenError(
      "STORE_UNAVAILABLE",
      `the directory ${directory} is in use by ${owner === null ? "another store" : `the process ${owner.pid} of host ${quoted(owner.host)} (its number there)`}; stop it or use another directory`,
      { directory, ...(owner === null ? {} : owner) },
    ),
  directoryGone: (directory: string, path: string, cause?: unknown) =>
    new AspenError(
      "STORE_UNAVAILABLE",
      `the store in ${directory} has lost its files: somebody removed, moved or replaced ${path}; bring it back, or start again with what is there`,
      { directory, path },
      cause,
    ),
  damaged: (directory: string, problem: string, cause?: unknown) =>
    new AspenError(
      "STORE_UNAVAILABLE",
      `the data file in ${directory} is damaged (${problem}); restore the directory from a copy`,
      { directory },
      cause,
    ),
  outcomeUnknown: (operation: string, cause?: unknown) =>
    new AspenError(
      "OUTCOME_UNKNOWN",
      `the connection was lost before the store answered ${operation}; it may or may not have been applied: read before trying again`,
      { operation },
      cause,
    ),
  notReplicated: (operation: string, replicas: number) =>
    new AspenError(
      "OUTCOME_UNKNOWN",
      `${operation} was applied, but ${replicas === 1 ? "no replica is" : `not ${replicas} replicas are`} known to have it, so that a fail-over may undo it; look at the replicas, and read before trying again`,
      { operation, replicas },
    ),
  undecodable: (key: string) =>
    new AspenError(
      "STORE_INCONSISTENT",
      `the row of ${quoted(key)} cannot be read; \`aspen store verify\` says what else is wrong and what can be done`,
      { key: cut(key) },
    ),
  exportInvalid: (problem: string, cause?: unknown) =>
    new AspenError(
      "EXPORT_INVALID",
      `the file cannot be imported: ${problem}; take another copy of it or export again`,
      undefined,
      cause,
    ),
  notEmpty: (what: string) =>
    new AspenError(
      "STORE_NOT_EMPTY",
      `the store holds ${what} already; import into an empty one, or merge, which replaces keys of the same name`,
    ),
  importUnfinished: () =>
    new AspenError(
      "STORE_INCONSISTENT",
      "an import of another file into this store was cut off, so a part of that file may be missing; import that file again first, or merge",
    ),
  blobHashInvalid: (hash: string) =>
    new AspenError(
      "BLOB_HASH_INVALID",
      `${quoted(hash)} is not a blob hash: it must be 64 lower-case hexadecimal digits`,
    ),
  blobNotFound: (hash: string) => new AspenError("BLOB_NOT_FOUND", `no blob with the hash ${hash} is stored`, { hash }),
  blobCorrupt: (hash: string) =>
    new AspenError("BLOB_CORRUPT", `the stored bytes of blob ${hash} do not match its hash; restore it from a copy`, {
      hash,
    }),
  blobOverLimit: (limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `a blob has at most ${limit} bytes; split what you put`, { limit }),
  uploadAbandoned: () =>
    new AspenError(
      "STORE_UNAVAILABLE",
      "the store gave up the upload, as its process could not renew it in time; its parts may be gone, so put the blob again",
    ),
  tooManyReferences: (hash: string, limit: number) =>
    new AspenError("INVALID_PARAMS", `blob ${hash} has ${limit} references already; remove some or use fewer tags`, {
      hash,
      limit,
    }),
  blobTooLarge: (hash: string, size: number, limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `blob ${hash} has ${size} bytes; at most ${limit} can be read at once`, {
      hash,
      size,
      limit,
    }),
} as const;
