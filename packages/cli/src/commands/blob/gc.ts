import { type Command, InvalidArgumentError } from "commander";
import { addClientCommand, session } from "../../command.js";

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function addBlobGc(blob: Command): void {
  addClientCommand(blob, {
    usage: "gc",
    description: "removes blobs without references, and what unfinished uploads left",
    example: "blob gc --grace 24h --dry-run",
  })
    .option("--grace <time>", "keep what was put in this time: 90s, 30m, 24h, 7d (24h unless given)", milliseconds)
    .option("--dry-run", "tell what would be removed")
    .action(async ({ grace: graceMs, dryRun }: { grace?: number; dryRun?: boolean }, command: Command) => {
      const { client, output } = session(command);
      const result = await client.call("blob.gc", { graceMs, dryRun });
      const { blobs, bytes, leftovers } = result;
      const verb = result.dryRun ? "would remove" : "removed";
      output.result(
        result,
        `${verb} ${blobs} blobs with ${bytes} bytes, and ${leftovers} unfinished uploads or deletions`,
      );
    });
}

function milliseconds(text: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined && Number(count) > 0) return Number(count) * UNIT_MS[unit]!;
  throw new InvalidArgumentError("It must be a number and a unit, such as 90s, 30m, 24h or 7d.");
}
