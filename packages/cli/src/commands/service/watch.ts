import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { instanceTable } from "../../service/instance-text.js";
import { onStopSignal } from "../../signals.js";

/** Milliseconds of one wait; the node answers then, changed or not. */
const WAIT_MS = 50_000;

export function addServiceWatch(service: Command): void {
  addClientCommand(service, {
    usage: "watch <service>",
    description: "shows a service's instances, and again with each change, until Ctrl-C; with --json a line for each",
    example: "service watch web --healthy",
  })
    .option("--healthy", "only those that are passing")
    .option("--once", "end after the first change")
    .action(async (name: string, flags: { healthy?: boolean; once?: boolean }, command: Command) => {
      const { client, output } = session(command);
      const stopped = new AbortController();
      const { signal } = stopped;
      const forget = onStopSignal(() => stopped.abort());
      let index = 0;
      let shown = 0;
      try {
        while (!flags.once || shown < 2) {
          const question = { service: name, healthy: flags.healthy, index, waitMs: WAIT_MS };
          const state = await client.call("service.watch", question, { signal });
          if (state.index <= index) continue;
          ({ index } = state);
          shown++;
          const { instances } = state;
          output.result(state, `index ${index}${state.stale ? ", stale" : ""}\n${instanceTable(instances)}`);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        if (!signal.aborted) forget();
      }
    });
}
