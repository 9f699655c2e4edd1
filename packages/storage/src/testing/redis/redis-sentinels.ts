import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { until } from "../until.js";
import { redisAdmin } from "./redis-admin.js";
import { freePort, RedisProcess } from "./redis-process.js";
import { RedisServer } from "./redis-server.js";

const SENTINELS = 3;
/** Milliseconds after which a primary that does not answer is replaced. */
const DOWN_MS = 1000;

export interface RedisSentinelsShape {
  /** As of `RedisServer.start`, for both servers. @default none */
  settings?: readonly string[];
  /** What the Sentinels want to be told. @default none */
  sentinelPassword?: string;
}

/**
 * A primary, a replica and three Sentinels of a test's own, on free ports, ended by pid. Needs `redis-server` on the
 * PATH, and ioredis.
 */
export class RedisSentinels implements AsyncDisposable {
  /** Name under which the Sentinels monitor the primary. */
  readonly name = "main";

  private constructor(
    /** The first is the primary at the start. */
    readonly servers: readonly [RedisServer, RedisServer],
    readonly sentinels: { port: number; process: RedisProcess }[],
    private readonly password: string | undefined,
  ) {}

  static async start({ settings = [], sentinelPassword }: RedisSentinelsShape = {}): Promise<RedisSentinels> {
    const common = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", ...settings];
    const primary = await RedisServer.start(common);
    const replica = await RedisServer.start([...common, "--replicaof", `127.0.0.1 ${primary.port}`]);
    const group = new RedisSentinels([primary, replica], [], sentinelPassword);
    try {
      for (let i = 0; i < SENTINELS; i++) group.sentinels.push(await group.#startSentinel());
      await group.#settled();
    } catch (error) {
      await group[Symbol.asyncDispose]();
      throw error;
    }
    return group;
  }

  get url(): string {
    return `redis+sentinel://${this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")}/${this.name}`;
  }

  /** The server that a Sentinel names as the primary. */
  async primary(): Promise<RedisServer> {
    return this.#ask(0, async (sentinel) => {
      const [, port] = (await sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", this.name)) as [string, string];
      return this.servers.find((server) => server.port === Number(port))!;
    });
  }

  /**
   * Has the Sentinels promote the replica; resolves when every Sentinel names it and it takes writes. Writes that the
   * old primary acknowledges meanwhile are lost, unless they waited for the replica.
   */
  async failOver(): Promise<void> {
    const before = await this.primary();
    await this.#ask(0, async (sentinel) => {
      await until("a Sentinel begins to fail over", () =>
        sentinel.call("SENTINEL", "FAILOVER", this.name).then(
          () => true,
          (error: Error) => {
            // It does not know the replica well enough yet, or is at it.
            if (/^(NOGOODSLAVE|INPROG)/.test(error.message)) return false;
            throw error;
          },
        ),
      );
    });
    await until("another primary is named", async () => (await this.primary()) !== before);
  }

  async #startSentinel(): Promise<{ port: number; process: RedisProcess }> {
    const port = await freePort();
    const password = this.password === undefined ? null : JSON.stringify(this.password);
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      ...(password === null ? [] : [`requirepass ${password}`, `sentinel sentinel-pass ${password}`]),
      `sentinel monitor ${this.name} 127.0.0.1 ${this.servers[0].port} 2`,
      `sentinel down-after-milliseconds ${this.name} ${DOWN_MS}`,
      `sentinel failover-timeout ${this.name} 5000`,
    ];
    const argumentsOf = async (directory: string) => {
      const file = join(directory, "sentinel.conf");
      await writeFile(file, `${lines.join("\n")}\n`);
      return [file, "--sentinel"];
    };
    return { port, process: await RedisProcess.start(argumentsOf, /\+monitor master/) };
  }

  /** Resolves when all Sentinels know each other and both servers, and the replica follows. */
  async #settled(): Promise<void> {
    for (let i = 0; i < SENTINELS; i++) {
      await this.#ask(i, (sentinel) =>
        until("a Sentinel knows everyone", async () => {
          const flat = (await sentinel.call("SENTINEL", "MASTER", this.name)) as string[];
          const field = (name: string) => flat[flat.indexOf(name) + 1];
          return field("num-slaves") === "1" && field("num-other-sentinels") === String(SENTINELS - 1);
        }),
      );
    }
    await until("the replica follows", async () => {
      const admin = await redisAdmin(this.servers[1].port);
      const replication = await admin.info("replication").finally(() => admin.disconnect());
      return replication.includes("master_link_status:up");
    });
  }

  async #ask<T>(index: number, ask: (sentinel: Redis) => Promise<T>): Promise<T> {
    const sentinel = await redisAdmin(this.sentinels[index]!.port, this.password);
    return ask(sentinel).finally(() => sentinel.disconnect());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.sentinels) await process[Symbol.asyncDispose]();
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}
