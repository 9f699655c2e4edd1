/** What a code means on each transport. */
export interface ErrorStatus {
  /** HTTP status (RFC 9110). */
  readonly http: number;
  /** gRPC status code (grpc/grpc doc/statuscodes.md). */
  readonly grpc: number;
  /** Exit status of the command line. */
  readonly exit: number;
  /** True when the caller can mend it, false when the node or a plugin is at fault. */
  readonly user: boolean;
  /** When it happens; one sentence for the documentation. */
  readonly when: string;
}

const row = (http: number, grpc: number, exit: number, user: boolean, when: string): ErrorStatus => ({
  http,
  grpc,
  exit,
  user,
  when,
});

/** Every code of the project, with its meaning on each transport. Codes are never reused. */
export const ERROR_TABLE = {
  METHOD_NOT_FOUND: row(404, 12, 4, true, "No handler on this node serves the method."),
  INVALID_PARAMS: row(400, 3, 2, true, "A parameter is missing, of the wrong type or out of range."),
  PAYLOAD_TOO_LARGE: row(413, 8, 2, true, "A body, value or result is over its size limit."),
  DEADLINE_EXCEEDED: row(504, 4, 5, true, "The caller's own deadline passed before the answer came."),
  CANCELLED: row(499, 1, 5, true, "The caller cancelled the request."),
  INTERNAL: row(500, 13, 1, false, "A defect of the node; the log has the details under the request id."),

  PACKAGE_MISSING: row(
    503,
    9,
    2,
    true,
    "What was asked for needs a package that is not installed; the message names it.",
  ),

  VERB_NOT_ALLOWED: row(405, 12, 2, true, "The path exists, but not for this HTTP verb; Allow names those it has."),
  REQUEST_TIMEOUT: row(408, 4, 5, true, "A request did not arrive whole within its time."),
  EXPECTATION_FAILED: row(417, 9, 2, true, "A request's Expect header asks for what the node does not know."),
  HEADERS_TOO_LARGE: row(431, 8, 2, true, "A request's headers are larger than the node reads."),

  UNAUTHENTICATED: row(401, 16, 3, true, "A token is missing where one is needed, or is forged, expired or revoked."),
  RATE_LIMITED: row(429, 8, 7, true, "The caller asks more often than it may; the details say when to ask again."),
  TOKEN_NOT_FOUND: row(404, 5, 4, true, "No token of this id is known, or it is none of the caller's."),
  PERMISSION_DENIED: row(403, 7, 3, true, "The plugin or caller has no permission for the operation."),
  KV_NAMESPACE_DENIED: row(
    403,
    7,
    3,
    true,
    "A key or scan prefix lies outside the plugin's allowed prefixes, or a write within an event log.",
  ),
  KV_CONFLICT: row(409, 10, 6, true, "A compare-and-swap or a transaction's check met another value."),
  KV_NOT_FOUND: row(404, 5, 4, true, "The command line asked for a key that has no value."),
  KV_KEY_INVALID: row(400, 3, 2, true, "A key is empty, over 1,024 bytes or not well-formed Unicode."),
  LEASE_LOST: row(409, 10, 6, true, "A lease was released, or another may hold it."),
  MEMBERSHIP_OVER: row(409, 10, 6, true, "A member has left, or another has joined under its id."),
  SCHEDULE_INVALID: row(400, 3, 2, true, "A crontab or a time zone cannot be read, or a crontab never comes true."),
  TOO_MANY_TIMERS: row(409, 8, 6, true, "A plugin sets a timer beyond the number that it may have."),
  TIMER_NOT_FOUND: row(404, 5, 4, true, "No timer has this name."),
  CROSS_NAMESPACE: row(400, 3, 2, true, "One transaction names keys of two namespaces."),
  CURSOR_INVALID: row(400, 3, 2, true, "A scan cursor is forged or belongs to another scan."),
  WATCH_COMPACTED: row(410, 11, 6, true, "The changes that a watch asks for are no longer kept; watch anew."),
  EVENTS_COMPACTED: row(
    410,
    11,
    6,
    true,
    "Events that should follow are no longer kept; the details say where to go on.",
  ),
  OUTCOME_UNKNOWN: row(503, 14, 7, false, "The connection was lost before the store answered a write."),
  STORE_UNAVAILABLE: row(503, 14, 7, false, "The store cannot be reached or refuses to work."),
  STORE_INCONSISTENT: row(500, 15, 1, false, "What is stored contradicts itself; `aspen store verify` says where."),
  STORE_NOT_EMPTY: row(409, 9, 6, true, "An import without --merge into a store that holds something."),
  EXPORT_INVALID: row(422, 3, 2, true, "An export file is damaged, cut short or of a format that is not known."),
  BLOB_NOT_FOUND: row(404, 5, 4, true, "No blob with this hash is stored."),
  BLOB_HASH_INVALID: row(400, 3, 2, true, "A blob hash is not 64 lower-case hexadecimal digits."),
  BLOB_CORRUPT: row(500, 15, 1, false, "A blob's stored bytes do not match its hash."),

  PLUGIN_NOT_FOUND: row(404, 5, 4, true, "No plugin of this name is installed."),
  PLUGIN_NAME_TAKEN: row(409, 6, 6, true, "A plugin of this name is already installed."),
  PLUGIN_PREFIX_CONFLICT: row(409, 6, 6, true, "A key prefix is reserved or overlaps another plugin's."),
  PLUGIN_DEPENDENCY: row(409, 9, 6, true, "A plugin's dependency is missing, of the wrong version or cyclic."),
  PLUGIN_TIMEOUT: row(504, 4, 5, false, "The plugin ran longer than its execution_timeout_ms and was stopped."),
  PLUGIN_TRAP: row(500, 13, 1, false, "The plugin threw an error without a code, or its wasm trapped."),
  PLUGIN_OUT_OF_MEMORY: row(500, 8, 1, false, "The plugin needed more than its memory_limit."),
  PLUGIN_INVALID_RESPONSE: row(502, 13, 1, false, "The plugin's answer is not valid JSON or breaks the contract."),
  PLUGIN_UNAVAILABLE: row(503, 14, 7, false, "The plugin is disabled, failed, stopping or overloaded."),
  PLUGIN_TIER_UNAVAILABLE: row(501, 12, 2, true, "The feature that runs plugins of this tier is off on the node."),
  PLUGIN_TIER_REFUSED: row(403, 7, 3, true, "Native code comes from the node's configuration, never by a request."),
  PLUGIN_OFFICIAL: row(
    403,
    7,
    3,
    true,
    "What is asked for belongs to an official plugin, and to the feature that brings it.",
  ),
  PLUGIN_CALL_OVER: row(
    500,
    9,
    1,
    false,
    "A plugin in the node's process called the host outside of the calls that it answers: at its top level, or when the call was over.",
  ),
  HANDLE_UNKNOWN: row(
    400,
    3,
    2,
    true,
    "A handle or ticket of a plugin's call is forged, used up or closed, or was given to another call.",
  ),
  LIMIT_EXCEEDED: row(
    429,
    8,
    7,
    true,
    "A plugin has, or does in one call, more than it may; the details name the limit.",
  ),
  OUTBOUND_URL_INVALID: row(
    400,
    3,
    2,
    true,
    "The URL of an outbound request cannot be read, has another scheme, or holds a name and password.",
  ),
  OUTBOUND_PORT_DENIED: row(403, 7, 3, true, "An outbound request goes to a port that is not allowed."),
  OUTBOUND_ADDRESS_DENIED: row(
    403,
    7,
    3,
    true,
    "An outbound request goes to an address that is not public and not granted, be it by a name that resolves to it.",
  ),
  OUTBOUND_REDIRECT_DENIED: row(
    502,
    9,
    1,
    true,
    "The answer to an outbound request sends it elsewhere, more often than is followed or with a body that is gone.",
  ),
  OUTBOUND_UNRESOLVED: row(502, 14, 7, true, "The name in the URL of an outbound request has no address."),
  OUTBOUND_UNREACHABLE: row(
    502,
    14,
    7,
    false,
    "An outbound request was not answered: nobody listens, or the line broke.",
  ),
  OUTBOUND_CERTIFICATE: row(
    502,
    9,
    7,
    false,
    "The certificate of what an outbound request goes to is not to be trusted.",
  ),
  OUTBOUND_TIMEOUT: row(504, 4, 5, false, "An outbound request or its answer was not done within its time."),
  RPC_CYCLE: row(508, 9, 1, false, "Plugins call each other in a ring."),
  RPC_TOO_DEEP: row(508, 9, 1, false, "More than eight plugins call each other in one request."),
  PLUGIN_CONFIGURED: row(
    409,
    9,
    6,
    true,
    "The plugin comes from the node's configuration; only a change of that changes it.",
  ),
  MANIFEST_INVALID: row(422, 3, 2, true, "plugin.json breaks a rule of the manifest schema."),
  API_VERSION_UNSUPPORTED: row(422, 9, 2, true, "The plugin asks for an API version the node does not serve."),
  WASM_INVALID: row(
    422,
    3,
    2,
    true,
    "The file is not wasm, lacks an export, imports what no host offers, or is over a bound.",
  ),
  WASM_HASH_MISMATCH: row(422, 3, 2, true, "The wasm file's BLAKE3 hash is not the manifest's wasm_hash."),
  ARTIFACT_HASH_MISMATCH: row(422, 3, 2, true, "An official plugin's file is not the one that its feature names."),

  JOB_NOT_FOUND: row(404, 5, 4, true, "No job of this id is stored; finished jobs are kept for a time only."),
  JOB_TYPE_UNKNOWN: row(422, 9, 2, true, "No worker of the cluster has ever registered the type of a job."),
  JOB_STATE: row(409, 9, 6, true, "The job's status does not allow what is asked for."),
  JOB_FAILED: row(500, 13, 1, false, "A job threw an error without a code, or its worker ended under it."),
  JOB_TIMEOUT: row(504, 4, 5, false, "A job ran longer than its timeoutMs and was stopped."),
  JOB_CANCELLED: row(499, 1, 5, true, "Somebody cancelled the job."),
  JOB_STALLED: row(500, 14, 1, false, "The worker of a job gave no sign of life, more often than maxStalls allows."),
  JOB_EXIT_NONZERO: row(500, 13, 1, false, "The program of a job ended with another status than 0."),
  JOB_LIMIT_EXCEEDED: row(500, 8, 1, true, "A job used more memory, processor time or space than it may."),
  JOB_ARCHIVE_INVALID: row(
    422,
    3,
    2,
    true,
    "A job's archive is damaged, over a limit, or has a path that leaves its folder.",
  ),
  JAIL_UNAVAILABLE: row(503, 9, 2, true, "The system does not let bubblewrap make a jail for jobs."),
  JOB_DEPENDENCY_FAILED: row(409, 9, 6, true, "A job that this one depends on did not complete."),
  SCHEDULE_NOT_FOUND: row(404, 5, 4, true, "No schedule of jobs has this name."),
  SCHEDULE_EXISTS: row(409, 6, 6, true, "A schedule of jobs has this name already."),

  SERVICE_NOT_FOUND: row(
    404,
    5,
    4,
    true,
    "The registry has no such instance, or no such check of it; it may have expired.",
  ),
  SERVICE_FENCED: row(409, 9, 6, true, "An instance was registered anew since the caller got its fencing token."),
  SERVICE_CONFLICT: row(409, 10, 6, true, "An instance is not of the revision that the caller expects."),
  SERVICE_FULL: row(409, 8, 6, true, "A service has as many instances as it may have."),
  FORGE_REPO_NOT_FOUND: row(404, 5, 4, true, "There is no repository of this name, or none that the caller may read."),
  FORGE_REPO_EXISTS: row(409, 6, 6, true, "A repository of this name is there already."),
  FORGE_CONFLICT: row(409, 10, 6, true, "A repository was changed by others at the same time, again and again."),
  FORGE_GIT_FAILED: row(500, 13, 1, false, "A git process of the forge failed, or was stopped by a limit."),

  BUILD_FAILED: row(422, 3, 2, true, "A plugin's source does not compile, or its top level throws."),
  CONFIG_INVALID: row(400, 3, 2, true, "The node's or a command's configuration breaks a rule."),
  TOOL_MISSING: row(503, 9, 2, true, "A program of the system that a feature needs is missing or too old."),
  FEATURE_OFF: row(501, 12, 2, true, "What was asked for needs a feature that is off on the node."),
  FEATURE_FAILED: row(500, 13, 1, false, "A feature cannot be loaded, or one of its services does not start."),
  NODE_UNREACHABLE: row(503, 14, 7, false, "The node cannot be reached, or is starting or stopping."),
} as const satisfies Record<string, ErrorStatus>;

export type ErrorCode = keyof typeof ERROR_TABLE;
