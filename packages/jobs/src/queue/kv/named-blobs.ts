/** Most blobs that one value keeps. */
const MOST = 1003;
/** Fields that hold a hash. */
const OUTPUTS = ["stdoutBlob", "stderrBlob"];

/**
 * Hashes of blobs that a payload or a result names where all workers name them: `source.blob`, `artifacts[].blob`,
 * `stdoutBlob` and `stderrBlob`. What has no such form is the worker's own affair.
 */
export function namedBlobs(value: unknown): Set<string> {
  const hashes = new Set<string>();
  const add = (hash: unknown) => {
    if (typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash) && hashes.size < MOST) hashes.add(hash);
  };
  const { source, artifacts } = fields(value);
  add(fields(source).blob);
  for (const name of OUTPUTS) add(fields(value)[name]);
  for (const artifact of Array.isArray(artifacts) ? artifacts.slice(0, MOST) : []) add(fields(artifact).blob);
  return hashes;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
