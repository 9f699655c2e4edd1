import type { NodeConfig } from "@aspen/node";
import { type Command, InvalidArgumentError, Option } from "commander";
import { addCommand, wholeNumber } from "../../command.js";
import { Output } from "../../output.js";
import { onStopSignal } from "../../signals.js";

interface StartFlags {
  listen: { host: string; port: number };
  dataDir?: string;
  redis?: string;
  logLevel: NonNullable<NodeConfig["logLevel"]>;
  safeMode?: boolean;
  jobs?: boolean;
  auth?: boolean;
  authRequired?: boolean;
  json?: boolean;
}

export function addNodeStart(node: Command): void {
  addCommand(node, {
    usage: "start",
    description: "starts a node and runs until SIGTERM or SIGINT; logs go to stderr",
    example: "node start --listen 127.0.0.1:7070 --data-dir ./data",
  })
    .addOption(
      new Option(
        "--listen <host:port>",
        "address to listen on, loopback unless --auth is given; port 0 picks a free one",
      )
        .argParser(address)
        .default({ host: "127.0.0.1", port: 7070 }, "127.0.0.1:7070"),
    )
    .addOption(new Option("--data-dir <dir>", "keep everything in this directory (default: .aspen)"))
    .addOption(
      new Option(
        "--redis <url>",
        "keep everything in Redis, shared with other nodes: redis://, redis+sentinel:// or redis+cluster://",
      )
        .env("ASPEN_REDIS_URL")
        .conflicts("dataDir"),
    )
    .addOption(
      new Option("--log-level <level>", "least level that is logged")
        .choices(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
        .default("info"),
    )
    .option("--safe-mode", "start no plugin, to disable or remove one that ends the node")
    .option("--jobs", "keep a job queue with schedules, and run jobs")
    .option("--auth", "callers from other machines need a token; then the node may listen on any address")
    .option("--auth-required", "callers on this machine need a token, too")
    .action(async ({ listen, dataDir, redis, logLevel, safeMode, jobs, auth, authRequired, json }: StartFlags) => {
      // Only this command needs the node itself.
      const { createNode } = await import("@aspen/node");
      const store = redis === undefined ? { dataDir: dataDir ?? ".aspen" } : { redisUrl: redis };
      const features = jobs ? { jobs: true } : {};
      const running = await createNode({
        config: {
          ...store,
          listen,
          logLevel,
          safeMode: safeMode ?? false,
          features,
          auth: authRequired ? { required: true } : (auth ?? false),
        },
      });
      const stopped = stopOnSignal(running);
      new Output(json ?? false).result(
        { ready: true, url: running.url, pid: process.pid },
        `aspen node ready on ${running.url}${safeMode ? " in safe mode" : ""}`,
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

function address(text: string): { host: string; port: number } {
  const match = /^(?:(\[[^\]]+\]|[^:]+):)?(\d{1,5})$/.exec(text);
  if (!match) throw new InvalidArgumentError("It must be HOST:PORT, such as 127.0.0.1:7070.");
  const host = (match[1] ?? "127.0.0.1").replace(/^\[|\]$/g, "");
  return { host, port: wholeNumber(match[2]!, 0, 65_535) };
}
