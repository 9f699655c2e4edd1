import type { Command } from "commander";
import { parseTime } from "../../parse-time.js";
import { addTokenCommand, withTokens } from "../../store/token-command.js";
import { timeText } from "../../token-text.js";

interface CreateFlags {
  methods: string[];
  kvPrefix: string[];
  expires?: number;
  audience?: string;
  name?: string;
}

export function addTokenCreate(token: Command): void {
  addTokenCommand(token, {
    usage: "create",
    description: "makes a token that grants no more than you may; it is written to stdout once, and never shown again",
    example: "token create --methods 'kv.*' --kv-prefix app: --expires 1h --name app",
  })
    .requiredOption(
      "--methods <patterns>",
      "methods it grants: names, prefix.* or *; with commas, or more than once",
      list,
    )
    .option(
      "--kv-prefix <prefix>",
      "beginning of keys that kv.* may name with it, '' for all; more than once",
      more,
      [],
    )
    .option("--expires <time>", "when it ends: 90s, 30m, 24h, 7d (30d unless given)", (text) => parseTime(text, 1000))
    .option("--audience <name>", "for whom it is; the cluster itself unless given")
    .option("--name <name>", "what lists show it as")
    .action(({ methods, kvPrefix, expires, audience, name }: CreateFlags, command: Command) =>
      withTokens(command, async (client, output) => {
        const made = await client.call("token.create", {
          ...{ methods, kvPrefixes: kvPrefix },
          ...(expires === undefined ? {} : { expiresInMs: expires }),
          ...(audience === undefined ? {} : { audience }),
          ...(name === undefined ? {} : { name }),
        });
        const { id, token, expiresAt } = made;
        output.result(made, token);
        output.note(`token ${id} expires at ${timeText(expiresAt)}; \`aspen token revoke ${id}\` ends it`);
      }),
    );
}

function list(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(",").map((one) => one.trim())];
}

function more(text: string, before: readonly string[]): string[] {
  return [...before, text];
}
