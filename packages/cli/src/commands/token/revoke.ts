import type { Command } from "commander";
import { printable } from "../../output.js";
import { addTokenCommand, withTokens } from "../../store/token-command.js";

export function addTokenRevoke(token: Command): void {
  addTokenCommand(token, {
    usage: "revoke <id>",
    description: "revokes a token and all that were derived from it, on every node within 2 s",
    example: "token revoke f3kZqv1hQxk4Vb2a",
  }).action((id: string, _options: unknown, command: Command) =>
    withTokens(command, async (client, output) => {
      const result = await client.call("token.revoke", { id });
      output.result(result, `revoked ${printable(result.revoked)}`);
    }),
  );
}
