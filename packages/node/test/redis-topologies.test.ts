import { RedisCluster, RedisSentinels } from "@aspen/storage/testing";
import { createNode } from "../src/index.js";
import { http } from "./support.js";

const topologies = { cluster: RedisCluster, sentinels: RedisSentinels };

for (const [name, topology] of Object.entries(topologies)) {
  test(`a node on a Redis of the kind ${name}`, async () => {
    await using redis = await topology.start();
    await using node = await createNode({ config: { redisUrl: redis.url, listen: { port: 0 }, logLevel: "silent" } });
    const rpc = async (method: string, params: unknown = {}) =>
      (await http(node.url, `/rpc/${method}`, { body: JSON.stringify(params) })).body;
    expect((await rpc("node.info")).store).toBe(redis.url);
    await rpc("kv.put", { key: "t:a", value: "1" });
    expect((await rpc("kv.scan", { prefix: "" })).entries).toMatchObject([{ key: "t:a", value: "1" }]);
  }, 60_000);
}
