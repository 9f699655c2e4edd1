import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { parseTime } from "../../parse-time.js";

export function addBlobGc(blob: Command): void {
  addClientCommand(blob, {
    usage: "gc",
    description: "removes blobs without references, and what unfinished uploads left",
    example: "blob gc --grace 24h --dry-run",
  })
    .option("--grace <time>", "keep what was put in this time: 90s, 30m, 24h, 7d (24h unless given)", (text) =>
      parseTime(text, 1000),
    )
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
