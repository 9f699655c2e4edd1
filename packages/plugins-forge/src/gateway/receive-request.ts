import { decodeUtf8 } from "@aspen/plugin-api";
import type { RefCommand } from "../domain/policy.js";
import { forgeErrors } from "../errors.js";
import { FORGE_LIMITS } from "../limits.js";
import { FLUSH, PktReader, pktLine, sideBand } from "./pkt-line.js";

/** What this end of a push can do (gitprotocol-capabilities(5)). */
export const RECEIVE_CAPABILITIES =
  "report-status delete-refs side-band-64k ofs-delta atomic quiet object-format=sha1 agent=aspen-forge";

/** Bytes of the commands of one push: ids, a name and the framing, for as many refs as a repository may have. */
const COMMANDS_BYTES = FORGE_LIMITS.refs * (FORGE_LIMITS.refNameBytes + 100);
const COMMAND = /^([0-9a-f]{40}) ([0-9a-f]{40}) ([^\0\n]+)$/;

/** A push as the client sent it; the pack is yet to be read. */
export interface ReceiveRequest {
  readonly commands: RefCommand[];
  readonly atomic: boolean;
  readonly sideBand: boolean;
  readonly pack: AsyncIterable<Uint8Array>;
  /** Why none of it can be done, although it was understood; null when there is nothing. */
  readonly refusal: string | null;
}

/** Reads the commands of a push (gitprotocol-pack(5), "Reference Update Request"). @throws AspenError `INVALID_PARAMS` */
export async function readReceiveRequest(body: AsyncIterable<Uint8Array>): Promise<ReceiveRequest> {
  const reader = new PktReader(body);
  const commands: RefCommand[] = [];
  let capabilities: ReadonlySet<string> | null = null;
  let tooMany = false;
  for (;;) {
    // Lines beyond the limit are read and forgotten: a client hears an answer only when it has sent everything.
    const line = await reader.next(tooMany ? Number.POSITIVE_INFINITY : COMMANDS_BYTES);
    if (!line) break;
    const end = line.indexOf(0);
    const text = decodeUtf8(end < 0 ? line : line.subarray(0, end)).replace(/\n$/, "");
    if (text.startsWith("shallow ")) continue;
    // The capabilities come with the first command.
    if (capabilities === null)
      capabilities = new Set(
        end < 0
          ? []
          : decodeUtf8(line.subarray(end + 1))
              .trim()
              .split(" "),
      );
    const [, before, after, ref] = COMMAND.exec(text) ?? [];
    if (!before || !after || !ref) throw forgeErrors.protocol("a command is none");
    if (commands.length < FORGE_LIMITS.refs) commands.push({ before, after, ref });
    else tooMany = true;
  }
  const has = (name: string) => capabilities?.has(name) ?? false;
  return {
    commands,
    atomic: has("atomic"),
    sideBand: has("side-band-64k"),
    pack: reader.rest(),
    refusal: tooMany ? `a push changes at most ${FORGE_LIMITS.refs} refs` : null,
  };
}

/** The answer to a push: what became of its pack, and of each command. */
export function* receiveReport(
  { commands, sideBand: hasBand }: ReceiveRequest,
  unpacked: string,
  refusals: readonly (string | null)[],
): Iterable<Buffer | string> {
  const lines = commands.map(({ ref }, at) => {
    const refusal = refusals[at] ?? null;
    return pktLine(refusal === null ? `ok ${ref}\n` : `ng ${ref} ${oneLine(refusal)}\n`);
  });
  const report = Buffer.from([pktLine(`unpack ${oneLine(unpacked)}\n`), ...lines, FLUSH].join(""));
  if (!hasBand) return void (yield report);
  // git shows the reason of a failed unpacking in few of its versions; this it shows in all.
  if (unpacked !== "ok") yield* sideBand(2, Buffer.from(`error: ${oneLine(unpacked)}\n`));
  yield* sideBand(1, report);
  yield FLUSH;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 1000);
}
