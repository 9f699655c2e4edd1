import { RedisStore } from "@aspen/storage/redis";
import { RedisCluster, RedisSentinels } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { BullMqJobQueue } from "../../src/bullmq.js";

const topologies = { cluster: RedisCluster, sentinels: RedisSentinels };

for (const [name, topology] of Object.entries(topologies)) {
  test(`a flow over two types, a cancel and a list on a Redis of the kind ${name}`, async () => {
    await using redis = await topology.start();
    await using store = await RedisStore.open({ url: redis.url });
    await using queue = new BullMqJobQueue(store);
    await queue.registerTypes(["build", "test"]);
    const { ids } = await queue.submitFlow([
      { name: "test", type: "test", dependsOn: ["build"] },
      { name: "build", type: "build", attempts: 2, backoff: { type: "fixed", delayMs: 0 } },
    ]);
    const claim = async (type: string) =>
      (await queue.claim({ worker: "w", types: [{ type }], limit: 1, leaseMs: 30_000 }))[0]!;
    expect(await queue.fail(await claim("build"), { code: "X", message: "x" })).toBe("retrying");
    await queue.maintain();
    const build = await claim("build");
    const waiting = queue.wait(build.id);
    const log = [{ at: 1, level: "info", message: "built" } as const];
    expect(await queue.update([{ ...build, leaseMs: 30_000, log }])).toEqual(["held"]);
    await queue.complete(build, { ok: true });
    expect(await waiting).toMatchObject({ status: "completed", result: { ok: true }, attempts: 2 });
    expect((await queue.logs(build.id)).lines).toEqual(log);
    const test = await claim("test");
    await queue.cancel(test.id);
    expect(await queue.update([{ ...test, leaseMs: 30_000 }])).toEqual(["cancelled"]);
    expect(await queue.fail(test, { code: "X", message: "x" })).toBe("cancelled");
    expect((await queue.list({ status: "cancelled" })).jobs).toMatchObject([{ id: ids.test }]);
    expect((await queue.stats()).byStatus).toMatchObject({ completed: 1, cancelled: 1 });
  }, 60_000);
}
