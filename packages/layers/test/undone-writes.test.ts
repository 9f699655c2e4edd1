import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { DurableCursors, EventLog, EventTrimmer, type LoggedEvent } from "../src/index.js";
import { take } from "../src/testing/taking.js";

/** A server that comes back with the last copy it made, without what it acknowledged since: as after a fail-over. */
class ForgetfulServer implements AsyncDisposable {
  private constructor(private readonly server: RedisServer) {}

  static async start(): Promise<ForgetfulServer> {
    return new ForgetfulServer(await RedisServer.start(["--appendonly", "no"]));
  }

  get url(): string {
    return this.server.url;
  }

  async save(): Promise<void> {
    const admin = new Redis(this.server.port, "127.0.0.1");
    await admin.save();
    admin.disconnect();
  }

  async forget(): Promise<void> {
    await this.server.stop("SIGKILL");
    await this.server.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}

async function emit(url: string, ...topics: string[]): Promise<void> {
  await using store = await RedisStore.open({ url });
  for (const topic of topics) await new EventLog(store.kv).emit("app:", { topic });
}

const topics = (events: readonly LoggedEvent[]): string[] => events.map(({ topic }) => topic);

const undone = (resume: unknown) => ({
  code: "EVENTS_COMPACTED",
  details: { namespace: "app:", undone: true, after: expect.any(String), resume },
});

test("a follower is told when the events it had seen are undone, and goes on with those that took their place", async () => {
  await using server = await ForgetfulServer.start();
  await using store = await RedisStore.open({ url: server.url });
  const log = new EventLog(store.kv);
  const ended = new AbortController();
  const events = log.follow({ namespaces: ["app:"], signal: ended.signal });
  await emit(server.url, "kept");
  const [kept] = await take(events, 1);
  await server.save();
  await emit(server.url, "lost.1", "lost.2");
  const lost = await take(events, 2);
  expect(topics(lost)).toEqual(["lost.1", "lost.2"]);
  // More than were lost, so that the versions have passed the follower's place when it looks.
  await server.forget();
  await emit(server.url, "new.1", "new.2", "new.3");
  const failure = await take(events, 1).then(
    (told) => ({ told: topics(told) }),
    (error: unknown) => error,
  );
  expect(failure).toMatchObject(undone(kept!.cursor));
  const after = { "app:": kept!.cursor };
  const again = log.follow({ namespaces: ["app:"], after, signal: ended.signal });
  expect(topics(await take(again, 3))).toEqual(["new.1", "new.2", "new.3"]);
  ended.abort();
  // Another one that kept the place of a lost event, and one that kept its id alone where nothing is now.
  await expect(log.read("app:", { after: lost[1]!.cursor })).rejects.toMatchObject(undone(expect.any(String)));
  expect(topics(await log.read("app:", { after: kept!.cursor }))).toEqual(["new.1", "new.2", "new.3"]);
});

test("a follower from now on misses nothing after it was undone, also when it was told nothing yet", async () => {
  await using server = await ForgetfulServer.start();
  await using store = await RedisStore.open({ url: server.url });
  await emit(server.url, "before");
  await server.save();
  // What is lost is no event, so that the place stays.
  for (let i = 0; i < 3; i++) await store.kv.put("app:a", Uint8Array.of(i));
  const events = new EventLog(store.kv).follow({ namespaces: ["app:"], from: "now" });
  const first = take(events, 3);
  first.catch(() => undefined);
  await until(async () => (await watches(server.url)) > 0);
  await server.forget();
  await emit(server.url, "new.1", "new.2", "new.3");
  await emit(server.url, "new.4");
  expect(topics(await first)).toEqual(["new.1", "new.2", "new.3"]);
  await events.return();
});

test("a cursor whose event was undone is told, and goes on where it is sent", async () => {
  await using server = await ForgetfulServer.start();
  await using store = await RedisStore.open({ url: server.url });
  await emit(server.url, "kept");
  await server.save();
  await emit(server.url, "lost");
  const [, lost] = await new EventLog(store.kv).read("app:");
  await server.forget();
  await emit(server.url, "new.1", "new.2");
  // Its home is on another server of a cluster, say, which lost nothing.
  const cursors = new DurableCursors(store.kv);
  const options = { home: "home:", consumer: "index", sources: ["app:"] };
  {
    await using cursor = await cursors.acquire(options);
    await cursor.commit(lost!);
  }
  await using cursor = await cursors.acquire(options);
  expect(cursor.position("app:")).toBe(lost!.id);
  const failure = await take(cursor.follow(), 1).catch((error: unknown) => error);
  expect(failure).toMatchObject(undone(expect.any(String)));
  await cursor.seek("app:", (failure as { details: { resume: string } }).details.resume);
  const events = cursor.follow();
  expect(topics(await take(events, 3))).toEqual(["kept", "new.1", "new.2"]);
  await events.return();
});

test("a place whose event was trimmed, and nothing behind it, is a good one", async () => {
  await using server = await ForgetfulServer.start();
  await using store = await RedisStore.open({ url: server.url });
  await emit(server.url, "one", "two");
  const [, two] = await new EventLog(store.kv).read("app:");
  await new EventTrimmer(store.kv, { maxEvents: 0 }).trim("app:");
  await emit(server.url, "three");
  expect(topics(await new EventLog(store.kv).read("app:", { after: two!.cursor }))).toEqual(["three"]);
});

async function watches(url: string): Promise<number> {
  const admin = new Redis(url);
  const keys = await admin.keys("*:w");
  admin.disconnect();
  return keys.length;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("it did not come to hold within 20 s");
  }
}
