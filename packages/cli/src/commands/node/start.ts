import type { Command } from "commander";
import { addCommand } from "../../command.js";
import { addNodeOptions } from "../../config/node-options.js";
import { readSettings, tellingSources } from "../../config/node-settings.js";
import { Output } from "../../output.js";
import { onStopSignal } from "../../signals.js";

export function addNodeStart(node: Command): void {
  addNodeOptions(
    addCommand(node, {
      usage: "start",
      description: "starts a node and runs until SIGTERM or SIGINT; logs go to stderr",
      example: "node start --listen 127.0.0.1:7070 --data-dir ./data",
    }),
  ).action(async ({ json }: { json?: boolean }, command: Command) => {
    const { config, layers } = await readSettings(command);
    // Only this command needs the node itself.
    const { createNode } = await import("@aspen/node");
    const running = await tellingSources(layers, () => createNode({ config }));
    const stopped = stopOnSignal(running);
    new Output(json ?? false).result(
      { ready: true, url: running.url, pid: process.pid },
      `aspen node ready on ${running.url}${config.safeMode ? " in safe mode" : ""}`,
    );
    await stopped;
    // A reader of stdout that has stalled must not keep a node that has stopped.
    if (process.stdout.writableLength > 0) process.exit();
  });
}

/** Resolves when the node has stopped after a signal. */
function stopOnSignal(node: AsyncDisposable): Promise<void> {
  return new Promise((resolve, reject) => {
    onStopSignal(() => node[Symbol.asyncDispose]().then(resolve, reject));
  });
}
