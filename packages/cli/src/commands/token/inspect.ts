import type { Command } from "commander";
import { addTokenCommand, withTokens } from "../../store/token-command.js";
import { tokenText } from "../../token-text.js";

export function addTokenInspect(token: Command): void {
  addTokenCommand(token, {
    usage: "inspect [id]",
    description: "shows a token: the one that is sent unless an id is given",
    example: "token inspect f3kZqv1hQxk4Vb2a",
  }).action((id: string | undefined, _options: unknown, command: Command) =>
    withTokens(command, async (client, output) => {
      const shown = await client.call("token.inspect", { id });
      output.result(shown, tokenText(shown));
    }),
  );
}
