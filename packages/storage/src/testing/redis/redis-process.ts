import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Milliseconds for a server to start. */
const START_MS = 20_000;

/** A `redis-server` with a private directory, ended by pid. */
export class RedisProcess implements AsyncDisposable {
  #process: ChildProcess | null = null;

  private constructor(
    readonly directory: string,
    private readonly argumentsOf: (directory: string) => Promise<readonly string[]>,
    private readonly ready: RegExp,
  ) {}

  /** @param ready what it logs when it is ready */
  static async start(
    argumentsOf: (directory: string) => Promise<readonly string[]>,
    ready: RegExp,
  ): Promise<RedisProcess> {
    const process = new RedisProcess(await mkdtemp(join(tmpdir(), "aspen-redis-")), argumentsOf, ready);
    await process.start();
    return process;
  }

  /** Starts it, or starts it again with the data it has. */
  async start(): Promise<void> {
    const options = await this.argumentsOf(this.directory);
    const child = spawn("redis-server", options, { stdio: ["ignore", "pipe", "inherit"] });
    this.#process = child;
    let log = "";
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`redis-server was not ready within ${START_MS} ms: ${log}`));
      }, START_MS);
      child.on("error", reject);
      child.on("exit", () => {
        clearTimeout(timer);
        reject(new Error(`redis-server ended: ${log}`));
      });
      child.stdout.on("data", (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-65_536);
        if (!this.ready.test(log)) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Sends a signal that does not end it, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
