import type { IncomingHttpHeaders } from "node:http";
import { promisify } from "node:util";

/** True when a request takes an answer in gzip (RFC 9110, 12.5.3). */
export function takesGzip({ "accept-encoding": accepted }: IncomingHttpHeaders): boolean {
  if (typeof accepted !== "string") return false;
  const codings = new Map<string, boolean>();
  for (const coding of accepted.toLowerCase().split(",")) {
    const [name = "", ...parameters] = coding.split(";").map((part) => part.trim());
    codings.set(name, !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)));
  }
  return codings.get("gzip") ?? codings.get("x-gzip") ?? codings.get("*") ?? false;
}

let compress: ((body: string | Buffer) => Promise<Buffer>) | null = null;

/** In a thread of the system's pool; the fastest level, which is most of what there is to gain for JSON. */
export async function gzipped(body: string | Buffer): Promise<Buffer> {
  if (!compress) {
    // A node whose answers are small does not need it.
    const { constants, gzip } = await import("node:zlib");
    const run = promisify<string | Buffer, object, Buffer>(gzip);
    compress = (it) => run(it, { level: constants.Z_BEST_SPEED });
  }
  return compress(body);
}
