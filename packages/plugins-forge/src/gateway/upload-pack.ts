import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { RepositoryRecord } from "../domain/repository.js";
import { forgeErrors } from "../errors.js";
import type { GatewayParts } from "./parts.js";

export interface Upload {
  readonly record: RepositoryRecord;
  /** What the client asks for; null for the list of what there is. */
  readonly body: Buffer | null;
  /** `GIT_PROTOCOL`, already checked; null for the oldest version. */
  readonly protocol: string | null;
  readonly signal: AbortSignal;
}

/**
 * Answers a fetch by git's own upload-pack; false when the repository is gone.
 *
 * A cache that somebody deletes makes git fail before it says anything: then it is asked once more.
 *
 * @throws AspenError `FORGE_GIT_FAILED`
 */
export async function uploadPack(
  parts: GatewayParts,
  upload: Upload,
  response: ServerResponse,
  head: string,
): Promise<boolean> {
  const { record, body, protocol, signal } = upload;
  const mode = body === null ? ["--http-backend-info-refs"] : ["--stateless-rpc"];
  for (let attempt = 0; ; attempt += 1) {
    using target = await parts.cache.open(record, signal);
    if (!target) return false;
    const { directory } = target;
    const environment = protocol === null ? {} : { GIT_PROTOCOL: protocol };
    const args = ["upload-pack", "--strict", ...mode, directory];
    const { child, ended } = parts.git.start(args, { directory, environment, signal });
    child.stdin.end(body ?? "");
    const first = await Promise.race([once(child.stdout, "readable"), once(child.stdout, "end")]).then(
      () => child.stdout.read() as Buffer | null,
    );
    if (first === null) {
      child.stdout.resume();
      const { code, stopped, stderr } = await ended;
      if (signal.aborted) throw forgeErrors.cancelled();
      // A client that asks for nothing gets nothing.
      if (code === 0) {
        response.end(head);
        return true;
      }
      if (attempt === 0 && stopped === null) continue;
      throw forgeErrors.gitFailed("upload-pack", stopped ?? stderr);
    }
    if (head) response.write(head);
    response.write(first);
    try {
      await pipeline(child.stdout, response, { signal, end: false });
    } finally {
      if (signal.aborted || response.destroyed) child.kill("SIGKILL");
    }
    const { code, stopped, stderr } = await ended;
    if (code !== 0) {
      // Of what a client asked for and there is not, git has told it in the answer itself.
      parts.log.debug({ code, stopped, stderr, repository: record.id }, "upload-pack ended with an error");
      if (stopped !== null) throw forgeErrors.gitStopped("upload-pack", stopped);
    }
    response.end();
    return true;
  }
}
