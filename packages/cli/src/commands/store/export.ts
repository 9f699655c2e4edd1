import { createWriteStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isAspenError } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import type { ExportSummary } from "@aspen/storage/transfer";
import type { Command } from "commander";
import { cliErrors } from "../../errors.js";
import { formatBytes } from "../../format-bytes.js";
import { counted } from "../../output.js";
import { addStoreCommand, type StoreWork, withStore } from "../../store/store-command.js";

export function addStoreExport(store: Command): void {
  addStoreCommand(store, {
    usage: "export <file>",
    description: "writes every key and blob into one file (- for stdout)",
    example: "store export aspen.export --data-dir ./data",
  })
    .option("--force", "replace the file when it is there")
    .action(async (file: string, { force }: { force?: boolean }, command: Command) => {
      if (file === "-" && process.stdout.isTTY) throw cliErrors.usage("an export is not written to a terminal");
      if (file !== "-" && !force && (await exists(file))) throw cliErrors.fileExists(file);
      await withStore(command, {}, async ({ store, output, progress, options }) => {
        const summary = file === "-" ? await toStdout(store, options) : await toFile(store, file, options);
        progress.end();
        const result = { file, ...summary };
        const text = `${counted(summary.entries, "key")} and ${counted(summary.blobs, "blob")} (${formatBytes(summary.blobBytes)}) exported to ${file}, ${formatBytes(summary.bytes)}`;
        if (file !== "-") output.result(result, text);
        else process.stderr.write(`${output.json ? JSON.stringify(result) : text}\n`);
      });
    });
}

async function toStdout(store: Store, options: StoreWork["options"]): Promise<ExportSummary> {
  // Whoever stops reading early has no export.
  process.exitCode = 1;
  const summary = await write(store, options, async (bytes) => {
    // Not ended, so that a failure to write is told like any other of stdout.
    for await (const part of bytes) {
      await new Promise<void>((resolve) => process.stdout.write(part, () => resolve()));
    }
  });
  process.exitCode = 0;
  return summary;
}

/** Under another name until it is whole, so that nobody takes a part for an export. Only its owner may read it. */
async function toFile(store: Store, file: string, options: StoreWork["options"]): Promise<ExportSummary> {
  const partial = `${file}.${process.pid}.partial`;
  try {
    const summary = await write(store, options, (bytes) =>
      pipeline(Readable.from(bytes), createWriteStream(partial, { flags: "wx", mode: 0o600, flush: true })),
    );
    await rename(partial, file);
    await syncFolder(dirname(file));
    return summary;
  } catch (error) {
    await rm(partial, { force: true });
    throw isAspenError(error) ? error : cliErrors.file(file, error);
  }
}

async function write(
  store: Store,
  options: StoreWork["options"],
  to: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<ExportSummary> {
  const { exportStore } = await import("@aspen/storage/transfer");
  let summary: ExportSummary | undefined;
  const onSummary = (made: ExportSummary) => {
    summary = made;
  };
  await to(exportStore(store, { ...options, onSummary }));
  return summary!;
}

/** A name that is not synced with its folder may be gone after a power failure. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync().finally(() => handle.close());
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw cliErrors.file(path, error);
  }
}
