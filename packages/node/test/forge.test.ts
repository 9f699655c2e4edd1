import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type AspenNode, createNode } from "../src/index.js";
import { Work } from "./git-work.js";

let store: MemoryStore;
let node: AspenNode;
let cacheDirectory: string;
let work: Work;

beforeAll(async () => {
  cacheDirectory = await mkdtemp(join(tmpdir(), "aspen-forge-test-"));
  store = new MemoryStore();
  node = await createNode({
    store,
    config: {
      listen: { port: 0 },
      logLevel: "silent",
      features: { forge: { cacheDirectory, pushBytes: 4_000_000, compactPacks: 6 } },
    },
  });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(cacheDirectory, { recursive: true, force: true });
});
beforeEach(async () => {
  work = await Work.open();
});
afterEach(() => work[Symbol.asyncDispose]());

let repositories = 0;
async function repository(settings: object = {}): Promise<{ owner: string; name: string; url: string }> {
  const [owner, name] = ["ada", `repo-${++repositories}`];
  const { cloneUrl } = (await node.inject("forge.repo.create", { owner, name, ...settings })) as { cloneUrl: string };
  return { owner, name, url: cloneUrl };
}

/** What the store has of a repository's packs. */
async function packsOf(name: string): Promise<{ packs: { bitmap?: string }[] }> {
  const entry = await store.kv.get(`forge:name:ada/${name}`);
  const { id } = JSON.parse(Buffer.from(entry!.value).toString()) as { id: string };
  return JSON.parse(Buffer.from((await store.kv.get(`forge:root:${id}`))!.value).toString());
}

describe("stock git", () => {
  it("pushes, clones, fetches, goes deeper and stays clean", async () => {
    const { url } = await repository();
    await work.git("init", "-q", "-b", "main", "one");
    await work.commits("one", 30);
    await work.git("-C", "one", "tag", "-a", "v1", "-m", "one");
    await work.git("-C", "one", "push", "-q", url, "main", "v1");
    await work.git("clone", "-q", url, "two");
    expect(await work.git("-C", "two", "rev-parse", "HEAD", "v1")).toBe(
      await work.git("-C", "one", "rev-parse", "HEAD", "v1"),
    );
    await work.git("-C", "two", "fsck", "--strict");
    await work.commits("two", 3);
    await work.git("-C", "two", "push", "-q", "origin", "main");
    await work.git("-C", "one", "pull", "-q", url, "main");
    expect(await work.git("-C", "one", "rev-list", "--count", "HEAD")).toBe("33");
    for (const version of ["0", "1", "2"]) {
      const shallow = `shallow-${version}`;
      const protocol = ["-c", `protocol.version=${version}`];
      await work.git(...protocol, "clone", "-q", "--depth", "3", url, shallow);
      expect(await work.git("-C", shallow, "rev-list", "--count", "HEAD")).toBe("3");
      await work.git("-C", shallow, ...protocol, "fetch", "-q", "--deepen", "4");
      expect(await work.git("-C", shallow, "rev-list", "--count", "HEAD")).toBe("7");
      await work.git("-C", shallow, ...protocol, "fetch", "-q", "--unshallow");
      expect(await work.git("-C", shallow, "rev-list", "--count", "HEAD")).toBe("33");
      await work.git("-C", shallow, "fsck", "--strict");
    }
    await work.git("clone", "-q", "--filter=blob:none", "--no-checkout", url, "partial");
    expect(await work.git("-C", "partial", "rev-list", "--objects", "--missing=print", "HEAD")).toMatch(/^\?/m);
    await work.git("-C", "partial", "checkout", "-q", "main");
    expect(await work.read("partial", "file-7")).toBe(await work.read("one", "file-7"));
  });

  it("finds everything again when the cache is deleted", async () => {
    const { url } = await repository();
    await work.git("init", "-q", "-b", "main", "one");
    for (let push = 0; push < 3; push += 1) {
      await work.commits("one", 2);
      await work.git("-C", "one", "push", "-q", url, "main");
      for (const name of await readdir(cacheDirectory)) await rm(join(cacheDirectory, name), { recursive: true });
    }
    await work.git("clone", "-q", url, "two");
    expect(await work.git("-C", "two", "rev-list", "--count", "HEAD")).toBe("6");
    await work.git("-C", "two", "fsck", "--strict");
  });

  it("mirrors thousands of refs, and deletes them", async () => {
    const { owner, name, url } = await repository();
    await work.git("init", "-q", "-b", "main", "one");
    await work.commits("one", 2);
    const head = await work.git("-C", "one", "rev-parse", "HEAD");
    const lines = Array.from({ length: 2000 }, (_, at) => `create refs/heads/topic/${at % 7}/b-${at} ${head}\n`);
    await work.git({ input: lines.join("") }, "-C", "one", "update-ref", "--stdin");
    await work.git("-C", "one", "push", "-q", "--mirror", url);
    const theirs = await work.git("ls-remote", "--refs", url);
    const ours = await work.git("-C", "one", "for-each-ref", "--format=%(objectname)\t%(refname)");
    expect(theirs.split("\n").sort()).toEqual(ours.split("\n").sort());
    const page = (await node.inject("forge.ref.list", { owner, name, prefix: "refs/heads/topic/3/", limit: 2 })) as {
      refs: { name: string }[];
      cursor: string;
    };
    expect(page.refs).toHaveLength(2);
    const next = await node.inject("forge.ref.list", {
      owner,
      name,
      prefix: "refs/heads/topic/3/",
      after: page.cursor,
      limit: 1,
    });
    expect(next).toMatchObject({ refs: [{ target: head }] });
    await work.git("-C", "one", "checkout", "-q", "--detach");
    await work.git(
      "-C",
      "one",
      "push",
      "-q",
      "--prune",
      url,
      "refs/heads/topic/3/*:refs/heads/topic/3/*",
      "refs/heads/none/*:refs/heads/topic/4/*",
    );
    expect(await work.git("ls-remote", url, "refs/heads/topic/4/*")).toBe("");
    expect(await work.git("ls-remote", url, "refs/heads/topic/3/*")).not.toBe("");
  });
});

it("many small pushes are put together, and what is there stays there", async () => {
  const { url, name } = await repository();
  await work.git("init", "-q", "-b", "main", "one");
  for (let push = 0; push < 8; push += 1) {
    await work.commits("one", 1);
    await work.git("-C", "one", "push", "-q", url, "main", `main:side-${push}`);
  }
  for (let look = 0; look < 600 && (await packsOf(name)).packs.length >= 6; look += 1) await delay(50);
  const { packs } = await packsOf(name);
  expect([packs.length < 6, packs.some(({ bitmap }) => bitmap !== undefined)]).toEqual([true, true]);
  for (const cached of await readdir(cacheDirectory)) await rm(join(cacheDirectory, cached), { recursive: true });
  await work.commits("one", 1);
  await work.git("-C", "one", "push", "-q", url, "main");
  await work.git("clone", "-q", "--mirror", url, "mirror");
  await work.git("-C", "mirror", "fsck", "--strict", "--full");
  expect(await work.git("-C", "mirror", "rev-list", "--count", "main")).toBe("9");
  expect((await work.git("-C", "mirror", "for-each-ref")).split("\n")).toHaveLength(9);
});

describe("a push", () => {
  it("that is atomic changes all of its refs or none, and what stands in the way is said", async () => {
    const { url } = await repository();
    await work.git("init", "-q", "-b", "main", "one");
    await work.commits("one", 2);
    await work.git("-C", "one", "push", "-q", url, "main", "main:refs/heads/a");
    await work.git("-C", "one", "reset", "-q", "--hard", "HEAD~1");
    await work.commits("one", 1, "other");
    const atomic = await work.fails(
      "-C",
      "one",
      "push",
      "--atomic",
      "--force",
      url,
      "main:fresh",
      "main:refs/heads/a/b",
    );
    expect(atomic).toMatch(/refs\/heads\/a is in the way/);
    expect(atomic).toMatch(/atomic push failed/);
    expect(await work.git("ls-remote", url, "fresh")).toBe("");
    expect(await work.fails("-C", "one", "push", url, "main:fresh", "main:refs/heads/a/b")).toMatch(/is in the way/);
    expect(await work.git("ls-remote", url, "fresh")).not.toBe("");
    // git itself sends deletions first in one push; so the place is free.
    await work.git("-C", "one", "push", "-q", "--atomic", url, ":a", "main:refs/heads/a/b");
    expect(await work.git("ls-remote", "--heads", url)).toMatch(/refs\/heads\/a\/b$/m);
    expect(await work.fails("-C", "one", "push", url, "main")).toMatch(/non-fast-forward|fetch first/);
    await work.git("-C", "one", "push", "-q", "--force", url, "main");
  });

  it("obeys the policy of that moment", async () => {
    const { owner, name, url } = await repository();
    const rules = [
      { pattern: "refs/heads/main", requiredStatuses: ["ci"] },
      { pattern: "refs/tags/**", update: false },
      { pattern: "refs/heads/release/*", pushers: ["token:nobody"] },
    ];
    await work.git("init", "-q", "-b", "main", "one");
    await work.commits("one", 2);
    await work.git("-C", "one", "push", "-q", url, "main");
    await node.inject("forge.policy.set", { owner, name, policy: { rules } });
    await work.commits("one", 1);
    const head = await work.git("-C", "one", "rev-parse", "HEAD");
    expect(await work.fails("-C", "one", "push", url, "main")).toMatch(/the status "ci" of .* is not success/);
    await node.inject("forge.status.set", { owner, name, commit: head, context: "ci", state: "pending" });
    expect(await work.fails("-C", "one", "push", url, "main")).toMatch(/is not success/);
    await node.inject("forge.status.set", { owner, name, commit: head, context: "ci", state: "success" });
    await work.git("-C", "one", "push", "-q", url, "main", "main:refs/tags/v1");
    const { statuses } = (await node.inject("forge.status.list", { owner, name, commit: head })) as {
      statuses: unknown[];
    };
    expect(statuses).toMatchObject([{ context: "ci", state: "success", by: { kind: "local" } }]);
    expect(await work.fails("-C", "one", "push", "--force", url, "main~1:main")).toMatch(/not a fast-forward/);
    expect(await work.fails("-C", "one", "push", url, ":main")).toMatch(/cannot be deleted/);
    expect(await work.fails("-C", "one", "push", "--force", url, "main~1:refs/tags/v1")).toMatch(/cannot be moved/);
    expect(await work.fails("-C", "one", "push", url, "main:release/1")).toMatch(/not among those who may push/);
    await work.git("-C", "one", "push", "-q", url, "main:other");
    await work.git("-C", "one", "push", "-q", url, ":other");
  });
});
