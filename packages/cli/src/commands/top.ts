import { clearScreenDown, cursorTo } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { addClientCommand, type Session, session, wholeNumber } from "../command.js";
import { type Output, printable } from "../output.js";
import { onStopSignal } from "../signals.js";

interface Flags {
  timeout: number;
  interval: number;
  once?: boolean;
}

/** Lines of the terminal that are not rows of the two tables. */
const FRAME_LINES = 10;

export function addTop(program: Command): void {
  addClientCommand(program, {
    usage: "top",
    description: "shows what a node does now: requests, times and errors by method and plugin, memory, jobs",
    example: "top --once --json",
  })
    .option("--interval <seconds>", "time between two looks", (text) => wholeNumber(text, 1, 60), 2)
    .option("--once", "show one interval and end")
    .action(async (flags: Flags, command: Command) => {
      const { client, output, address, fetch } = session(command);
      const { id } = await client.call("node.info");
      const stopped = new AbortController();
      const forget = onStopSignal(() => stopped.abort());
      try {
        await watch({ ...flags, address, fetch }, `node ${id} at ${address.shown}`, output, stopped.signal);
      } catch (error) {
        // Ctrl-C is how it ends.
        if (!stopped.signal.aborted) throw error;
      } finally {
        if (!stopped.signal.aborted) forget();
      }
    });
}

async function watch(
  { address, fetch, timeout, interval, once }: Flags & Pick<Session, "address" | "fetch">,
  title: string,
  output: Output,
  stop: AbortSignal,
) {
  const [{ scrape }, { snapshot }, { snapshotText }] = await Promise.all([
    import("../top/scrape.js"),
    import("../top/snapshot.js"),
    import("../top/snapshot-text.js"),
  ]);
  const look = () => scrape(address, AbortSignal.any([stop, AbortSignal.timeout(timeout * 1000)]), fetch);
  const refreshes = !once && !output.json && process.stdout.isTTY;
  for (let before = await look(); ; ) {
    await delay(interval * 1000, undefined, { signal: stop });
    const now = await look();
    const shown = snapshot(now, before);
    const rows = refreshes ? Math.max(3, Math.floor((process.stdout.rows - FRAME_LINES) / 2)) : 20;
    if (refreshes) {
      cursorTo(process.stdout, 0, 0);
      clearScreenDown(process.stdout);
    }
    output.result(shown, `${printable(title)}\n${snapshotText(shown, rows)}${once || refreshes ? "" : "\n"}`);
    if (once) return;
    before = now;
  }
}
