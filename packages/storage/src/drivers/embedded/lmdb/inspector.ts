/** A program that reads everything in the store of a directory. It fails, and says why, when something is not as written. */
import { type Environment, openEnvironment } from "./environment.js";
import { isIntact } from "./rows.js";

function inspect({ root: _root, presence: _presence, ...databases }: Environment): void {
  for (const [name, database] of Object.entries(databases)) {
    // LMDB does not open a missing database for reading.
    if (!database) throw new Error(`its part "${name}" is missing`);
  }
  for (const { key, value } of databases.rows.getRange({})) {
    if (!isIntact(value as Buffer)) throw new Error(`the value of ${JSON.stringify(String(key))} is not as written`);
  }
  const { versions, changes, expiries, blobs, references } = databases;
  for (const database of [versions, changes, expiries, blobs, references]) {
    for (const { value } of database.getRange({})) void value;
  }
}

const [, , directory = "."] = process.argv;
try {
  inspect(await openEnvironment(directory, { readOnly: true, strict: true }));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
