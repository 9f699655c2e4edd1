import { toBase64 } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { readInput } from "../../input.js";

export function addBlobPut(blob: Command): void {
  addClientCommand(blob, {
    usage: "put <file>",
    description: "stores a file (- for stdin) and prints its hash",
    example: "blob put photo.jpg --reference album",
  })
    .option("--reference <tag>", "keep it from garbage collection under this name")
    .action(async (file: string, { reference }: { reference?: string }, command: Command) => {
      const { client, output } = session(command);
      const value = toBase64(await readInput(file));
      const result = await client.call("blob.put", { value, reference });
      output.result(result, result.hash);
    });
}
