import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";

export function addKvDelete(kv: Command): void {
  addClientCommand(kv, { usage: "delete <key>", description: "deletes a key", example: "kv delete greeting" }).action(
    async (key: string, _options: unknown, command: Command) => {
      const { client, output } = session(command);
      const result = await client.call("kv.delete", { key });
      output.result(result, result.deleted ? "deleted" : "(absent)");
    },
  );
}
