import { writeFile } from "node:fs/promises";
import { fromWire } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { cliErrors } from "../../errors.js";

export function addBlobGet(blob: Command): void {
  addClientCommand(blob, {
    usage: "get <hash>",
    description: "writes a blob's bytes to stdout, or to a file",
    example: "blob get 5f2c…e1 -o photo.jpg",
  })
    .option("-o, --output <file>", "write to this file")
    .action(async (hash: string, { output: file }: { output?: string }, command: Command) => {
      const { client, output } = session(command);
      const result = await client.call("blob.get", { hash });
      if (file === undefined) {
        if (output.json) output.result(result, "");
        else output.bytes(fromWire(result.value));
        return;
      }
      try {
        await writeFile(file, fromWire(result.value));
      } catch (error) {
        throw cliErrors.file(file, error);
      }
      output.result({ hash: result.hash, size: result.size, file }, `${result.size} bytes written to ${file}`);
    });
}
