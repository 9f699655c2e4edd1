import { cliErrors } from "./errors.js";
import { writeError } from "./output.js";

/** Ends the process when nobody can read what it writes, or the disk is full; without a stack. */
export function guardStreams(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // A reader that has seen enough, such as head, is no failure, unless the command says otherwise by exitCode.
    if (error.code === "EPIPE") process.exit();
    process.exit(writeError(cliErrors.file("stdout", error), process.argv.includes("--json")));
  });
  // Where this cannot be written there is no place to say so; the exit status tells how it went.
  process.stderr.on("error", () => {});
}
