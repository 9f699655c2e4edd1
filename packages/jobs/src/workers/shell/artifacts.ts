import { constants, type ReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { cut, quoted } from "@aspen/plugin-api";
import { type FoundFile, findFiles } from "../../archive/find-files.js";
import { jobsErrors } from "../../errors.js";
import type { JobContext } from "../../worker.js";
import { SHELL_LIMITS, type ShellArtifact } from "./payload.js";

/** Puts the files of a job's folder that match into the blob store. Nothing of the job may run any more. */
export async function keepArtifacts(
  folder: string,
  patterns: readonly string[],
  { blobs, signal, log }: Pick<JobContext, "blobs" | "signal" | "log">,
): Promise<ShellArtifact[]> {
  if (patterns.length === 0) return [];
  const { artifacts, artifactBytes, artifactsBytes, seenFiles } = SHELL_LIMITS;
  const onOther = (path: string) => log.warn({}, `${quoted(path)} is no file that can be kept as an artifact`);
  const files = await findFiles({ folder, patterns, maxSeen: seenFiles, signal, onOther });
  if (files === null) throw overLimit(`more than ${seenFiles} files are in the folders that its patterns name`);
  if (files.length > artifacts) throw overLimit(`${files.length} files match, of which ${artifacts} may be kept`);
  const large = files.find(({ bytes }) => bytes > artifactBytes);
  if (large) throw overLimit(`${quoted(large.path)} has ${large.bytes} bytes; an artifact may have ${artifactBytes}`);
  const sum = files.reduce((bytes, file) => bytes + file.bytes, 0);
  if (sum > artifactsBytes) throw overLimit(`they have ${sum} bytes; all together may have ${artifactsBytes}`);
  const kept: ShellArtifact[] = [];
  for (const file of files) kept.push({ ...file, blob: await put(folder, file) });
  return kept;

  async function put(within: string, { path, bytes }: FoundFile): Promise<string> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using file = await open(join(within, path), flags).catch((error: Error) => {
      throw overLimit(`${quoted(path)} cannot be read: ${cut(error.message)}`);
    });
    // One byte more would show a file that still grows; nothing of the job runs that could write it.
    const stream: ReadStream = file.createReadStream({ autoClose: false, end: Math.max(0, bytes - 1) });
    return await blobs.put(bytes === 0 ? new Uint8Array() : stream, { signal });
  }
}

function overLimit(problem: string): Error {
  return jobsErrors.limitExceeded("artifacts", problem);
}
