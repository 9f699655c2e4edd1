import type { Command } from "commander";
import { cliErrors } from "../../errors.js";
import { counted } from "../../output.js";
import { addStoreCommand, withMaintenance } from "../../store/store-command.js";

export function addStoreImport(store: Command): void {
  addStoreCommand(store, {
    usage: "import <file>",
    description: "writes what `store export` has written into a store, an empty one unless --merge is given",
    example: "store import aspen.export --redis redis://127.0.0.1:6379",
  })
    .option("--merge", "into a store that holds something: keys of the same name are replaced, all others stay")
    .action(async (file: string, { merge = false }: { merge?: boolean }, command: Command) => {
      if (file === "-")
        throw cliErrors.usage("an import reads its file twice and cannot come from stdin; save it first");
      const { CheckedExport, importStore } = await import("@aspen/storage/transfer");
      await withMaintenance(command, {}, async ({ output, progress, options, open }) => {
        // Before a store is made for it.
        await using checked = await CheckedExport.open(file, options);
        await using target = await open({ create: true });
        const summary = await importStore(target, checked, { ...options, merge });
        progress.end();
        const expired = summary.expired > 0 ? `; ${counted(summary.expired, "key")} had expired` : "";
        output.result(
          { file, ...summary },
          `${counted(summary.entries, "key")} and ${counted(summary.blobs, "blob")} imported${expired}`,
        );
      });
    });
}
