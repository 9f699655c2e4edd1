import type { Command } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { instanceTable } from "../../service/instance-text.js";
import { pair } from "../../service/service-options.js";

interface Flags {
  healthy?: boolean;
  tag?: string[];
  anyTag?: string[];
  range?: string;
  zone?: string;
  meta?: Record<string, string>;
  limit?: number;
  after?: string;
}

export function addServiceDiscover(service: Command): void {
  addClientCommand(service, {
    usage: "discover <service>",
    description: "lists one page of a service's instances",
    example: 'service discover web --healthy --tag primary --range "^1.2"',
  })
    .option("--healthy", "only those that are passing")
    .option("--tag <tags...>", "only those with every one of these tags")
    .option("--any-tag <tags...>", "only those with at least one of these tags")
    .option("--range <range>", "only those of a version in this range, such as ^1.2")
    .option("--zone <zone>", "only those of this zone")
    .option("--meta <key=value>", "only those with this metadata; may be given several times", pair)
    .option("--limit <n>", "most instances of the page", (text) => wholeNumber(text, 1, 1000))
    .option("--after <cursor>", "go on where the page before ended")
    .action(async (name: string, flags: Flags, command: Command) => {
      const { client, output } = session(command);
      const { healthy, tag: tags, anyTag, range: version, zone, meta: metadata, limit, after: cursor } = flags;
      const question = { service: name, healthy, tags, anyTag, version, zone, metadata, limit, cursor };
      const page = await client.call("service.discover", question);
      output.result(page, instanceTable(page.instances));
      if (page.cursor !== null) output.note(`more: --after ${page.cursor}`);
    });
}
