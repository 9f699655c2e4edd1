/** A program: reads everything in the store of a directory and fails, saying why, when it is not as it was written. */
import { type Environment, openEnvironment } from "./environment.js";
import { isIntact } from "./rows.js";

function inspect({ rows, versions, changes, expiries }: Environment): void {
  for (const { key, value } of rows.getRange({})) {
    if (!isIntact(value as Buffer)) throw new Error(`the value of ${JSON.stringify(String(key))} is not as written`);
  }
  for (const database of [versions, changes, expiries]) for (const { value } of database.getRange({})) void value;
}

const [, , directory = "."] = process.argv;
try {
  inspect(await openEnvironment(directory, { readOnly: true, strict: true }));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
