import type { StoreStats } from "@aspen/storage/maintenance";
import type { Command } from "commander";
import { wholeNumber } from "../../command.js";
import { formatBytes } from "../../format-bytes.js";
import { table } from "../../output.js";
import { addStoreCommand, withStore } from "../../store/store-command.js";

export function addStoreStats(store: Command): void {
  addStoreCommand(store, {
    usage: "stats",
    description: "counts keys, bytes and blobs, and shows what the store takes on the disk or in memory",
    example: "store stats --data-dir ./data",
  })
    .option("--top <n>", "namespaces that are listed, the largest first", (text) => wholeNumber(text, 1, 1000), 10)
    .action(async ({ top }: { top: number }, command: Command) => {
      const { storeStats } = await import("@aspen/storage/maintenance");
      await withStore(command, {}, async ({ store, output, progress, options }) => {
        const stats = await storeStats(store, { ...options, largest: top });
        progress.end();
        output.result(stats, describe(stats));
      });
    });
}

function describe(stats: StoreStats): string {
  const facts: [string, string][] = [
    ["driver", stats.driver],
    ["keys", String(stats.keys)],
    ["bytes of keys", formatBytes(stats.keyBytes)],
    ["bytes of values", formatBytes(stats.valueBytes)],
    ["namespaces", String(stats.namespaces)],
    ["index entries", String(stats.indexEntries)],
    ["expiry entries", String(stats.expiryEntries)],
    ["blobs", `${stats.blobs.count}, ${formatBytes(stats.blobs.bytes)}`],
    ...Object.entries(stats.storage).map(([name, value]): [string, string] => [words(name), formatBytes(value)]),
  ];
  const rows = stats.largest.map(({ namespace, keys, keyBytes, valueBytes }) => [
    namespace,
    String(keys),
    formatBytes(keyBytes),
    formatBytes(valueBytes),
  ]);
  const largest = rows.length === 0 ? "" : `\n\n${table(["NAMESPACE", "KEYS", "KEY BYTES", "VALUE BYTES"], rows)}`;
  const width = Math.max(...facts.map(([name]) => name.length));
  return `${facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n")}${largest}`;
}

/** `usedMemoryBytes` as `used memory`. */
function words(name: string): string {
  return name
    .replace(/Bytes$/, "")
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim();
}
