import { AspenError } from "@aspen/plugin-api";
import type { ParamsOf, ResultOf, RpcClient } from "@aspen/rpc-core/remote";
import { counted, type Output, printable } from "../output.js";

type Page = ResultOf<"plugin.logs">;

export interface LogReaderOptions {
  client: RpcClient;
  output: Output;
  name: string;
  /** The least level. */
  level: ParamsOf<"plugin.logs">["level"];
}

/** What a plugin logged on one node, from where the last look ended. */
export class PluginLogReader {
  #page: Page | null = null;

  constructor(private readonly options: LogReaderOptions) {}

  /** Writes the last lines the first time, later all that is new: a line of text, or of JSON, for each. */
  async read(limit: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const { client, name, level } = this.options;
      const before = this.#page;
      const params = { name, level, limit, after: before?.cursor };
      const page = await client.call("plugin.logs", params, signal ? { signal } : {});
      this.#page = page;
      this.#write(page, before);
      if (before === null || page.lines.length < limit) return;
    }
  }

  /** Says so when the plugin runs on other nodes, too, whose logs are theirs. */
  async tellOthers(): Promise<void> {
    const { client, output, name } = this.options;
    try {
      const { nodes } = await client.call("cluster.nodes", { serving: "plugin.logs" });
      const others = nodes.filter(({ id }) => id !== this.#page?.node);
      if (others.length === 0) return;
      const urls = others.flatMap(({ address }) => address ?? []).join(", ");
      output.note(
        printable(
          `this is the log of ${name} on one node; ${counted(others.length, "other node")} may run it, too: --node with ${urls}`,
        ),
      );
    } catch (error) {
      // Without the feature, or the grant, nobody knows of other nodes.
      if (!["METHOD_NOT_FOUND", "PERMISSION_DENIED"].includes(AspenError.from(error).code)) throw error;
    }
  }

  #write({ node, lines, dropped }: Page, before: Page | null): void {
    const { output } = this.options;
    if (before && before.node !== node)
      output.note("another node answers, or the node was started anew: its log follows");
    if (dropped > 0) {
      const text = `${counted(dropped, "line")} before these made room for later ones, and cannot be shown`;
      if (output.json) output.result({ dropped }, "");
      else output.note(text);
    }
    for (const line of lines) output.result(line, lineText(line));
  }
}

function lineText({ at, level, message, requestId, fields }: Page["lines"][number]): string {
  const more = fields ? ` ${JSON.stringify(fields)}` : "";
  const request = requestId === undefined ? "" : ` (${requestId})`;
  return printable(`${new Date(at).toISOString()} ${level.padEnd(5)} ${message}${more}${request}`);
}
