import type { Redis } from "ioredis";
import { until } from "../until.js";
import { redisAdmin } from "./redis-admin.js";
import { freePort } from "./redis-process.js";
import { RedisServer } from "./redis-server.js";

const SLOTS = 16_384;
/** Milliseconds after which a primary that does not answer is replaced. */
const NODE_TIMEOUT_MS = 1000;

export interface RedisClusterShape {
  /** @default 3 */
  primaries?: number;
  /** Of each primary. @default 0 */
  replicas?: number;
  /** As of `RedisServer.start`, for every node. @default none */
  settings?: readonly string[];
}

/** A Redis Cluster of a test's own, on free ports, ended by pid. Needs `redis-server` on the PATH, and ioredis. */
export class RedisCluster implements AsyncDisposable {
  private constructor(
    /** The servers that start as primaries, in the order of their slots. */
    readonly primaries: readonly RedisServer[],
    readonly replicas: readonly RedisServer[],
  ) {}

  static async start({ primaries = 3, replicas = 0, settings = [] }: RedisClusterShape = {}): Promise<RedisCluster> {
    const busPorts: number[] = [];
    const servers: RedisServer[] = [];
    for (let i = 0; i < primaries * (1 + replicas); i++) {
      busPorts[i] = await freePort();
      servers.push(await RedisServer.start([...clusterSettings(busPorts[i]!), ...settings]));
    }
    const cluster = new RedisCluster(servers.slice(0, primaries), servers.slice(primaries));
    const admins = await Promise.all(servers.map(({ port }) => redisAdmin(port)));
    try {
      const ids = await Promise.all(admins.map(async (admin) => String(await admin.call("CLUSTER", "MYID"))));
      for (let i = 0; i < primaries; i++) {
        const [from, to] = [i, i + 1].map((part) => Math.floor((part * SLOTS) / primaries)) as [number, number];
        await admins[i]!.call("CLUSTER", "ADDSLOTSRANGE", from, to - 1);
        // Epochs that differ from the start: nodes with the same one would have to settle first.
        await admins[i]!.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
      }
      for (let i = 1; i < servers.length; i++) {
        await admins[0]!.call("CLUSTER", "MEET", "127.0.0.1", servers[i]!.port, busPorts[i]!);
      }
      for (let i = primaries; i < servers.length; i++) {
        const primary = ids[(i - primaries) % primaries]!;
        await until("a replica knows its primary", async () =>
          String(await admins[i]!.call("CLUSTER", "NODES")).includes(primary),
        );
        await admins[i]!.call("CLUSTER", "REPLICATE", primary);
      }
      await Promise.all(
        admins.map((admin) => until("the cluster is up", () => isUp(admin, servers.length, primaries))),
      );
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    } finally {
      for (const admin of admins) admin.disconnect();
    }
    return cluster;
  }

  get url(): string {
    return `redis+cluster://${this.primaries.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  }

  /**
   * Makes clients reach the primaries by other ports, such as those of proxies, in the order of the primaries; the servers
   * themselves go on by their own. There must be no replicas.
   */
  async announce(ports: readonly number[]): Promise<void> {
    const admins = await Promise.all(this.primaries.map(({ port }) => redisAdmin(port)));
    try {
      await Promise.all(admins.map((admin, at) => admin.call("CONFIG", "SET", "cluster-announce-port", ports[at]!)));
      for (const admin of admins) {
        await until("every node names the announced ports", async () => {
          const slots = (await admin.call("CLUSTER", "SLOTS")) as [number, number, [string, number, ...unknown[]]][];
          return slots.every(([, , [, port]]) => ports.includes(port));
        });
      }
    } finally {
      for (const admin of admins) admin.disconnect();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.primaries, ...this.replicas].map((server) => server[Symbol.asyncDispose]()));
  }
}

function clusterSettings(busPort: number): string[] {
  return [
    ...["--cluster-enabled", "yes", "--cluster-port", String(busPort), "--cluster-config-file", "nodes.conf"],
    ...["--cluster-node-timeout", String(NODE_TIMEOUT_MS), "--cluster-replica-validity-factor", "0"],
    ...["--repl-diskless-sync-delay", "0"],
  ];
}

/** True when this node sees everyone, every slot served, and every replica in step. */
async function isUp(admin: Redis, nodes: number, primaries: number): Promise<boolean> {
  const info = String(await admin.call("CLUSTER", "INFO"));
  const replication = await admin.info("replication");
  const replicas = (nodes - primaries) / primaries;
  return (
    info.includes("cluster_state:ok") &&
    info.includes(`cluster_known_nodes:${nodes}`) &&
    info.includes(`cluster_size:${primaries}`) &&
    (replication.includes("role:master")
      ? (replication.match(/state=online/g)?.length ?? 0) === replicas
      : replication.includes("master_link_status:up"))
  );
}
