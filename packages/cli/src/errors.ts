import { AspenError } from "@aspen/plugin-api";

/** The errors of this package. */
export const cliErrors = {
  usage: (problem: string) => new AspenError("INVALID_PARAMS", `${problem}; --help shows what the command takes`),
  nodeAddress: (problem: string) =>
    new AspenError(
      "INVALID_PARAMS",
      `what --node or ASPEN_NODE names ${problem}; give one such as http://127.0.0.1:7070`,
      { field: "node" },
    ),
  notJson: (what: string, problem: string) =>
    new AspenError("INVALID_PARAMS", `${what} is not JSON: ${problem}`, { field: what }),
  file: (path: string, cause: unknown) =>
    new AspenError("INVALID_PARAMS", `${path} cannot be used: ${reason(cause)}`, { path }, cause),
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
  unreachable: (url: string, cause: unknown) =>
    new AspenError(
      "NODE_UNREACHABLE",
      `no node answers at ${url} (${reason(cause)}); start one with \`aspen node start\`, or name another with --node URL or ASPEN_NODE`,
      { url },
      cause,
    ),
  connectionLost: (url: string, method: string, cause: unknown) =>
    new AspenError(
      "OUTCOME_UNKNOWN",
      `the connection to ${url} was lost before ${method} was answered (${reason(cause)}); it may or may not have been done: look before you try again`,
      { url, method },
      cause,
    ),
  keyNotFound: (key: string) =>
    new AspenError("KV_NOT_FOUND", `no value is stored under ${JSON.stringify(key)}`, { key }),
  notANode: (url: string, status: number) =>
    new AspenError(
      "NODE_UNREACHABLE",
      `what answers at ${url} is not an Aspen node (HTTP ${status}); name another with --node URL or ASPEN_NODE`,
      { url, status },
    ),
  timeout: (method: string, ms: number) =>
    new AspenError("DEADLINE_EXCEEDED", `${method} was not answered within ${ms} ms; allow more with --timeout`, {
      method,
      ms,
    }),
  needsYes: () =>
    new AspenError(
      "PERMISSION_DENIED",
      "nobody can be asked to grant these permissions, as this is no terminal; pass --yes to grant them",
    ),
  notGranted: (name: string) =>
    new AspenError("PERMISSION_DENIED", `plugin ${name} was not installed: its permissions were not granted`),
  tooLarge: (path: string, bytes: number, limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `${path} has ${bytes} bytes or more; at most ${limit} are allowed`, {
      bytes,
      limit,
    }),
  notAPlugin: (path: string, problem: string) =>
    new AspenError("MANIFEST_INVALID", `${path} is no plugin: ${problem}`, { path }),
} as const;

/** The innermost reason: fetch hides a refused connection in its cause. */
function reason(error: unknown): string {
  const { cause, code, message } = error as { cause?: unknown; code?: string; message?: string };
  if (cause instanceof Error) return reason(cause);
  return code ?? (message || String(error));
}
