import { MemoryStore } from "@aspen/storage/memory";
import { expect, jest, test } from "@jest/globals";

test("without the package bullmq, the engine says what to install", async () => {
  jest.unstable_mockModule("bullmq", () => {
    throw Object.assign(new Error("Cannot find package 'bullmq'"), { code: "ERR_MODULE_NOT_FOUND" });
  });
  const { BullMqJobQueue } = await import("../../src/bullmq.js");
  await using store = new MemoryStore();
  await using queue = new BullMqJobQueue(store, { redis: {} as never });
  const missing = { code: "PACKAGE_MISSING", message: expect.stringContaining("npm install bullmq@6.7.0") };
  await expect(queue.submit({ type: "work" })).rejects.toMatchObject(missing);
});
