import { AspenError } from "@aspen/plugin-api";

/** The errors of this package. */
export const cliErrors = {
  usage: (problem: string) => new AspenError("INVALID_PARAMS", `${problem}; --help shows what the command takes`),
  nodeAddress: (problem: string) =>
    new AspenError("INVALID_PARAMS", `what --node or ASPEN_NODE names is refused: ${problem}`, { field: "node" }),
  token: () =>
    new AspenError("INVALID_PARAMS", "what --token or ASPEN_TOKEN holds is no token; `aspen token create` makes one", {
      field: "token",
    }),
  notJson: (what: string, problem: string) =>
    new AspenError("INVALID_PARAMS", `${what} is not JSON: ${problem}`, { field: what }),
  file: (path: string, cause: unknown) =>
    new AspenError("INVALID_PARAMS", `${path} cannot be used: ${reason(cause)}`, { path }, cause),
  configFile: (path: string, line: number | null, problem: string, cause?: unknown) => {
    const where = line === null ? path : `${path}:${line}`;
    const details = { path, ...(line === null ? {} : { line }) };
    return new AspenError(
      "CONFIG_INVALID",
      `the configuration file ${where} cannot be used: ${problem}`,
      details,
      cause,
    );
  },
  configFiles: (directory: string, names: readonly string[]) =>
    new AspenError(
      "CONFIG_INVALID",
      `${directory} has more than one configuration file (${names.join(", ")}); keep one, or name one with --config`,
      { directory, names },
    ),
  configLate: (path: string, ms: number) =>
    new AspenError(
      "CONFIG_INVALID",
      `the configuration file ${path} did not end within ${ms} ms; mend what it waits for, or compute the values before`,
      { path, limitMs: ms },
    ),
  /** `problems` with where each value comes from. */
  configInvalid: (problems: readonly { field: string; rule: string; source?: string }[], cause: AspenError) =>
    new AspenError(
      "CONFIG_INVALID",
      `the node's configuration is not valid: ${problems
        .map(({ field, rule, source }) => `${source === undefined ? "" : `${source}: `}${field}: ${rule}`)
        .join("; ")}`,
      { ...cause.details, problems },
      cause,
    ),
  noStore: (directory: string) =>
    new AspenError("INVALID_PARAMS", `${directory} holds no store; name the --data-dir of a node`, { directory }),
  fileExists: (path: string) =>
    new AspenError("INVALID_PARAMS", `${path} is there already; name another file, or replace it with --force`, {
      path,
    }),
  inconsistent: (remaining: number, repair: boolean) =>
    new AspenError(
      "STORE_INCONSISTENT",
      repair
        ? `damage remains that cannot be repaired without losing data (findings: ${remaining}); each says what to do`
        : `the store is damaged (findings: ${remaining}); --repair mends what can be mended without losing data`,
      { remaining },
    ),
  instanceNotFound: (service: string, id: string) =>
    new AspenError(
      "SERVICE_NOT_FOUND",
      `${JSON.stringify(service)} has no instance ${JSON.stringify(id)}; see: aspen service discover`,
    ),
  keyNotFound: (key: string) =>
    new AspenError("KV_NOT_FOUND", `no value is stored under ${JSON.stringify(key)}`, { key }),
  needsYes: () =>
    new AspenError(
      "PERMISSION_DENIED",
      "nobody can be asked to grant these permissions, as this is no terminal; pass --yes to grant them",
    ),
  notGranted: (name: string) =>
    new AspenError("PERMISSION_DENIED", `plugin ${name} was not installed: its permissions were not granted`),
  /** Somebody does not want to wait any longer; the job does not mind. */
  waitStopped: (id: string, logs: boolean) =>
    new AspenError("CANCELLED", `no longer waiting for job ${id}, which goes on; ${howToGoOn(id, logs)}`, { id }),
  waitOver: (id: string, ms: number, logs: boolean) =>
    new AspenError(
      "DEADLINE_EXCEEDED",
      `job ${id} is not finished after ${ms} ms; it goes on; ${howToGoOn(id, logs)}`,
      {
        id,
      },
    ),
  tooLarge: (path: string, bytes: number, limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `${path} has ${bytes} bytes or more; at most ${limit} are allowed`, {
      bytes,
      limit,
    }),
  noMetrics: (url: string, cause: unknown) =>
    new AspenError(
      "NODE_UNREACHABLE",
      `the metrics of ${url} cannot be read: ${reason(cause)}; see that the node runs, and that its feature metrics is on`,
      { url },
      cause,
    ),
  notMetrics: (url: string, cause: unknown) =>
    new AspenError("INTERNAL", `what ${url} answers for /metrics are no metrics: ${reason(cause)}`, { url }, cause),
  notAPlugin: (path: string, problem: string) =>
    new AspenError("MANIFEST_INVALID", `${path} is no plugin: ${problem}`, { path }),
} as const;

const howToGoOn = (id: string, logs: boolean) =>
  `\`aspen job ${logs ? `logs -f ${id}` : `wait ${id}`}\` waits again, \`aspen job cancel ${id}\` ends it`;

/** The innermost reason. */
function reason(error: unknown): string {
  const { cause, code, message } = error as { cause?: unknown; code?: string; message?: string };
  if (cause instanceof Error) return reason(cause);
  return code ?? (message || String(error));
}
