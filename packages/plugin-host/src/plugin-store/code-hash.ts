import { encodeUtf8 } from "@aspen/plugin-api";
import { blobHash } from "@aspen/storage";
import type { PluginRecord } from "./plugin-record.js";

/** Names a plugin's code: two records with one code hash have the same artifacts. */
export function codeHash({
  artifacts,
}: {
  artifacts: readonly Pick<PluginRecord["artifacts"][number], "name" | "hash">[];
}): string {
  const lines = artifacts.map(({ name, hash }) => JSON.stringify([name, hash])).sort();
  return blobHash(encodeUtf8(lines.join("\n")));
}
