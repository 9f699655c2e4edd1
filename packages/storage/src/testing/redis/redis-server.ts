import { freePort, RedisProcess } from "./redis-process.js";

/** A Redis of a test's own: a free port, a private directory, ended by pid. Needs `redis-server` on the PATH. */
export class RedisServer implements AsyncDisposable {
  private constructor(
    readonly port: number,
    private readonly process: RedisProcess,
  ) {}

  /** @param settings further lines of its configuration, as command line options: `["--maxmemory", "1gb"]` */
  static async start(settings: readonly string[] = []): Promise<RedisServer> {
    const port = await freePort();
    const argumentsOf = async (directory: string) => [
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", directory],
      ...["--save", "", "--appendonly", "yes", "--appendfsync", "always"],
      // A rewrite's process outlives a killed server, and writes to a directory that is being removed.
      ...["--auto-aof-rewrite-percentage", "0"],
      ...settings,
    ];
    return new RedisServer(port, await RedisProcess.start(argumentsOf, /Ready to accept connections/));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it again with the data it has. */
  start(): Promise<void> {
    return this.process.start();
  }

  /** Sends a signal that does not end it, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.process.signal(signal);
  }

  stop(signal?: NodeJS.Signals): Promise<void> {
    return this.process.stop(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}
