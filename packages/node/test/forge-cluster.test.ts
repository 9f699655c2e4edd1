import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { NodeProcess } from "./child.js";
import { Work } from "./git-work.js";
import { temporaryDirectory } from "./support.js";

const PUSHERS = 4;
const PUSHES = 3;
/** Tries of one push: each other pusher may be first, and the node may be gone. */
const TRIES = 200;

/** A node that is killed and started again, at another port each time. */
class Mortal {
  #process: NodeProcess | null = null;
  url = "";
  kills = 0;

  constructor(
    private readonly redisUrl: string,
    readonly cacheDirectory: string,
  ) {}

  async start(): Promise<void> {
    const forge = { cacheDirectory: this.cacheDirectory };
    this.#process = NodeProcess.start({ redisUrl: this.redisUrl, features: { forge } });
    this.url = String(await this.#process.said("url"));
  }

  async kill(): Promise<void> {
    const dead = this.#process!;
    dead.signal("SIGKILL");
    await dead.ended;
    this.kills += 1;
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
  }
}

async function rpc(url: string, method: string, params: object) {
  const response = await fetch(`${url}/rpc/${method}`, { method: "POST", body: JSON.stringify(params) });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

test("of pushes to two nodes that are killed, with caches that are deleted, none that was acknowledged is lost", async () => {
  await using redis = await RedisServer.start();
  await using work = await Work.open();
  const caches = await Promise.all([temporaryDirectory(), temporaryDirectory()]);
  await using a = new Mortal(redis.url, caches[0].path);
  await using b = new Mortal(redis.url, caches[1].path);
  const nodes = [a, b];
  await Promise.all(nodes.map((node) => node.start()));
  const remote = (at: number) => `${nodes[at % 2]!.url}/git/ada/shared.git`;
  await rpc(a.url, "forge.repo.create", { owner: "ada", name: "shared" });
  await work.git("init", "-q", "-b", "main", "seed");
  await work.commits("seed", 1, "seed");
  await work.git("-C", "seed", "push", "-q", remote(0), "main");

  const acknowledged: string[] = [];
  const branches = new Map<string, string>();
  const push = async (pusher: number) => {
    const folder = `pusher-${pusher}`;
    await work.git("clone", "-q", join(work.path, "seed"), folder);
    for (let round = 0; round < PUSHES; round += 1) {
      await work.commits(folder, 1, folder);
      for (let tries = 0; ; tries += 1) {
        // The branch of its own and the one that all share, in one push.
        const own = `own-${pusher}`;
        const head = await work.git("-C", folder, "rev-parse", "HEAD");
        const pushed = await work.run({}, [
          "-C",
          folder,
          "push",
          "--atomic",
          remote(pusher + tries),
          "main",
          `+HEAD:${own}`,
        ]);
        if (pushed.code === 0) {
          acknowledged.push(head);
          branches.set(own, head);
          break;
        }
        if (tries >= TRIES) throw new Error(pushed.stderr);
        await work.run({}, ["-C", folder, "pull", "-q", "--rebase", remote(pusher + tries), "main"]);
        await delay(Math.random() * 50);
      }
    }
  };
  let done = false;
  const pushing = Promise.all(Array.from({ length: PUSHERS }, (_, at) => push(at))).finally(() => {
    done = true;
  });
  const harm = async () => {
    for (let at = 0; !done || at < 2; at += 1) {
      await nodes[at % 2]!.kill();
      const { cacheDirectory } = nodes[(at + 1) % 2]!;
      for (const name of await readdir(cacheDirectory)) {
        // A push that is under way loses its own folder, too: it is refused, and made again.
        await rm(join(cacheDirectory, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 10 });
      }
      await delay(500);
    }
  };
  await Promise.all([pushing, harm()]);

  expect(acknowledged).toHaveLength(PUSHERS * PUSHES);
  expect(a.kills + b.kills).toBeGreaterThanOrEqual(2);
  for (const at of [0, 1]) {
    const clone = `clone-${at}`;
    await work.git("clone", "-q", "--mirror", remote(at), clone);
    await work.git("-C", clone, "fsck", "--strict", "--full");
    const reachable = new Set((await work.git("-C", clone, "rev-list", "main")).split("\n"));
    // One line of commits: each was made on top of the one before.
    expect(await work.git("-C", clone, "rev-list", "--merges", "main")).toBe("");
    expect(acknowledged.filter((id) => !reachable.has(id))).toEqual([]);
    for (const [branch, id] of branches) expect(await work.git("-C", clone, "rev-parse", branch)).toBe(id);
  }
  for (const { path, remove } of caches) {
    expect(path).not.toBe("");
    await remove();
  }
});
