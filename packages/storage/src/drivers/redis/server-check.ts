import { isAspenError } from "@aspen/plugin-api/abi";
import { storageErrors } from "../../errors.js";
import type { RedisConnection } from "./connection.js";

/**
 * Looks at how the server is configured; returns a sentence for each thing by which data may be lost.
 * @throws AspenError `STORE_UNAVAILABLE` for a server that must not be used: one that evicts keys, or a replica
 */
export async function checkServer(connection: RedisConnection): Promise<string[]> {
  const warnings: string[] = [];
  const replication = String(await connection.read("INFO", ["replication"]));
  if (/^role:slave/m.test(replication)) {
    throw storageErrors.unavailable("the server is a replica, which takes no writes; name the primary");
  }
  let settings: Map<string, string>;
  try {
    settings = await readSettings(connection, ["appendonly", "maxmemory", "maxmemory-policy"]);
  } catch (error) {
    if (!isAspenError(error)) throw error;
    return [`Redis does not show its configuration (${error.message}), so that nobody knows what it keeps`];
  }
  const policy = settings.get("maxmemory-policy") ?? "noeviction";
  if (policy !== "noeviction" && Number(settings.get("maxmemory")) > 0) {
    throw storageErrors.unavailable(
      `the server evicts keys when its memory is full (maxmemory-policy ${policy}); set it to noeviction`,
    );
  }
  if (policy !== "noeviction") {
    warnings.push(
      `Redis would evict keys if it had a limit on memory (maxmemory-policy ${policy}); set it to noeviction`,
    );
  }
  if (settings.get("appendonly") !== "yes") {
    warnings.push(
      "Redis keeps no append-only file: what was written since its last snapshot is lost when it ends; set appendonly yes",
    );
  }
  return warnings;
}

async function readSettings(connection: RedisConnection, names: readonly string[]): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  for (const name of names) {
    const [key, value] = (await connection.read("CONFIG", ["GET", name])) as Buffer[];
    if (key && value) settings.set(key.toString(), value.toString());
  }
  return settings;
}
