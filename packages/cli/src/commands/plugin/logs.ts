import { setTimeout as delay } from "node:timers/promises";
import { type Command, Option } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { type LogReaderOptions, PluginLogReader } from "../../plugin-log/log-reader.js";
import { onStopSignal } from "../../signals.js";

/** Milliseconds between two looks for new lines. */
const FOLLOW_MS = 500;
/** Lines of one look while it follows. */
const PAGE = 1000;

interface Flags {
  follow?: boolean;
  limit: number;
  level: LogReaderOptions["level"];
}

export function addPluginLogs(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "logs <name>",
    description: "shows what a plugin logged last on one node; with --json a line of JSON for each of its lines",
    example: "plugin logs -f echo-plugin",
  })
    .option("-f, --follow", "go on with what it logs from now on, until Ctrl-C")
    .option("--limit <n>", "lines of the past, the last ones", (text) => wholeNumber(text, 1, 1000), 100)
    .addOption(
      new Option("--level <level>", "the least level").choices(["debug", "info", "warn", "error"]).default("debug"),
    )
    .action(async (name: string, { follow, limit, level }: Flags, command: Command) => {
      const { client, output } = session(command);
      const log = new PluginLogReader({ client, output, name, level });
      await log.read(limit);
      await log.tellOthers();
      if (follow) await followLog(log);
    });
}

/** Ends in peace at Ctrl-C: nothing was waited for. */
async function followLog(log: PluginLogReader): Promise<void> {
  const stopped = new AbortController();
  const { signal } = stopped;
  const forget = onStopSignal(() => stopped.abort());
  try {
    for (;;) {
      await delay(FOLLOW_MS, undefined, { signal });
      await log.read(PAGE, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (!signal.aborted) forget();
  }
}
