import type { Command } from "commander";
import { counted } from "../../output.js";
import { addTokenCommand, withTokens } from "../../store/token-command.js";

export function addTokenRotate(token: Command): void {
  addTokenCommand(token, {
    usage: "rotate",
    description: "signs tokens with a new key from now on; those of the keys before stay good until they expire",
    example: "token rotate",
  })
    .option("--drop", "refuse every token that was signed before: for a key that others may have")
    .action(({ drop }: { drop?: boolean }, command: Command) =>
      withTokens(command, async (client, output) => {
        const result = await client.call("token.rotate", { drop: drop ?? false });
        output.result(
          result,
          `tokens are signed with ${result.kid}; ${counted(result.retired.length, "key")} before it still count`,
        );
      }),
    );
}
