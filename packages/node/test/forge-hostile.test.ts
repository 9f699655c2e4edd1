import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createDeflate, deflateSync } from "node:zlib";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type AspenNode, createNode } from "../src/index.js";
import { Work } from "./git-work.js";

const ZERO = "0".repeat(40);
let store: MemoryStore;
let node: AspenNode;
let cacheDirectory: string;
let work: Work;
let url: string;
/** What every refused push leaves as it was. */
let refsBefore: string;

beforeAll(async () => {
  cacheDirectory = await mkdtemp(join(tmpdir(), "aspen-forge-test-"));
  store = new MemoryStore();
  const forge = { cacheDirectory, pushBytes: 2_000_000, cpuSeconds: 3, memoryBytes: 256 * 1024 * 1024 };
  node = await createNode({ store, config: { listen: { port: 0 }, logLevel: "silent", features: { forge } } });
  work = await Work.open();
  url = ((await node.inject("forge.repo.create", { owner: "ada", name: "target" })) as { cloneUrl: string }).cloneUrl;
  await work.git("init", "-q", "-b", "main", "one");
  await work.commits("one", 2);
  await work.git("-C", "one", "push", "-q", url, "main");
  refsBefore = await work.git("ls-remote", url);
});
afterAll(async () => {
  await work[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(cacheDirectory, { recursive: true, force: true });
});

const pkt = (text: string) => (Buffer.byteLength(text) + 4).toString(16).padStart(4, "0") + text;

/** Sends commands and a pack as they are. */
async function push(commands: [before: string, after: string, ref: string][], pack: Uint8Array = new Uint8Array()) {
  const lines = commands.map(([before, after, ref], at) =>
    pkt(`${before} ${after} ${ref}${at === 0 ? "\0 report-status" : ""}\n`),
  );
  const body = Buffer.concat([Buffer.from(`${lines.join("")}0000`), pack]);
  const response = await fetch(`${url}/git-receive-pack`, { method: "POST", body: body as BodyInit });
  return { status: response.status, text: await response.text() };
}

/** The object id of some bytes. */
function idOf(type: string, content: Buffer): string {
  return createHash("sha1").update(`${type} ${content.length}\0`).update(content).digest("hex");
}

const TYPES = { commit: 1, tree: 2, blob: 3 } as const;

/** A pack of whole objects (gitformat-pack(5)); `size` lies about that of an object. */
function packOf(objects: { type: keyof typeof TYPES; content: Buffer; size?: number; deflated?: Buffer }[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from("PACK"), Buffer.from([0, 0, 0, 2, 0, 0, 0, objects.length])];
  for (const { type, content, size = content.length, deflated } of objects) {
    const head = [(TYPES[type] << 4) | (size & 15)];
    for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
      head[head.length - 1]! |= 128;
      head.push(rest % 128);
    }
    parts.push(Buffer.from(head), deflated ?? deflateSync(content));
  }
  const pack = Buffer.concat(parts);
  return Buffer.concat([pack, createHash("sha1").update(pack).digest()]);
}

/** A commit of a tree with one entry of this name. */
function commitOf(name: string, mode = "100644"): { id: string; pack: Buffer } {
  const blob = Buffer.from("content");
  const entry = mode === "40000" ? idOf("tree", Buffer.alloc(0)) : idOf("blob", blob);
  const tree = Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(entry, "hex")]);
  const who = "A <a@b.c> 1700000000 +0000";
  const commit = Buffer.from(`tree ${idOf("tree", tree)}\nauthor ${who}\ncommitter ${who}\n\nmessage\n`);
  const objects = [
    { type: "commit", content: commit },
    { type: "tree", content: tree },
    { type: "blob", content: blob },
    ...(mode === "40000" ? [{ type: "tree" as const, content: Buffer.alloc(0) }] : []),
  ] as const;
  return { id: idOf("commit", commit), pack: packOf([...objects]) };
}

async function expectNothingLeft(): Promise<void> {
  expect(await work.git("ls-remote", url)).toBe(refsBefore);
  expect((await readdir(cacheDirectory)).filter((name) => name.startsWith("incoming-"))).toEqual([]);
  expect((await store.kv.scan({ prefix: "forge:staged:" })).entries).toEqual([]);
}

describe("a hostile push", () => {
  it("of a sound pack by the same hand is taken, so that what is refused is refused for its fault", async () => {
    const { id, pack } = commitOf("plain");
    expect(await push([[ZERO, id, "refs/heads/sound"]], pack)).toEqual({
      status: 200,
      text: expect.stringMatching(/unpack ok[\s\S]*ok refs\/heads\/sound/),
    });
    await work.git("-C", "one", "push", "-q", url, ":sound");
  });

  for (const [name, mode, why] of [
    [".git", "40000", /hasDotgit|contains '.git'/i],
    [".GIT", "40000", /hasDotgit|contains '.git'/i],
    ["..", "40000", /hasDotdot|contains '\.\.'/i],
    [".", "40000", /hasDot|contains '\.'/i],
    ["a/b", "100644", /fullPathname|contains full pathnames/i],
    ["", "100644", /emptyName|contains empty pathname|malformed|empty filename/i],
  ] as const) {
    it(`with ${JSON.stringify(name)} in a tree is refused`, async () => {
      const { id, pack } = commitOf(name, mode);
      const { status, text } = await push([[ZERO, id, "refs/heads/bad"]], pack);
      expect([status, text]).toEqual([200, expect.stringMatching(why)]);
      expect(text).toMatch(/ng refs\/heads\/bad unpacker error/);
      await expectNothingLeft();
    });
  }

  it("with a bad name of a ref is refused", async () => {
    const head = await work.git("-C", "one", "rev-parse", "HEAD");
    for (const ref of [
      "refs/heads/a..b",
      "refs/heads/.a",
      "refs/heads/a.lock",
      "refs/heads/a b",
      "HEAD",
      "refs/heads",
      "refs/heads/@{1}",
      "refs/heads/a/",
      "../../x",
      "refs/heads/../../x",
      `refs/heads/${"x".repeat(300)}`,
      "refs/heads/\ud800",
    ]) {
      const { status, text } = await push([[ZERO, head, ref]], packOf([]));
      expect([ref, status, text]).toEqual([ref, 200, expect.stringMatching(/ng .*not a good name for a ref/)]);
    }
    expect((await push([[ZERO, ZERO, "refs/heads/none"]])).text).toMatch(/no such ref to delete/);
    await expectNothingLeft();
  });

  it("with missing objects, a wrong checksum, a lie about a size or no pack at all is refused", async () => {
    const whole = commitOf("file");
    const lacking = packOf([
      {
        type: "commit",
        content: Buffer.from(`tree ${"1".repeat(40)}\nauthor A <a@b.c> 1 +0000\ncommitter A <a@b.c> 1 +0000\n\nm\n`),
      },
    ]);
    const damaged = Buffer.from(whole.pack);
    damaged[damaged.length - 1]! ^= 1;
    const flipped = Buffer.from(whole.pack);
    flipped[20]! ^= 255;
    const lie = packOf([{ type: "blob", content: Buffer.from("content"), size: 1_000_000 }]);
    for (const [pack, why] of [
      [lacking, /missing|unpacker error/],
      [damaged, /unpacker error/],
      [flipped, /unpacker error/],
      [lie, /unpacker error/],
      [Buffer.alloc(0), /unpacker error/],
      [Buffer.from("PACK"), /unpacker error/],
      [whole.pack.subarray(0, 60), /unpacker error/],
    ] as const) {
      const { status, text } = await push([[ZERO, whole.id, "refs/heads/bad"]], pack);
      expect([status, text]).toEqual([200, expect.stringMatching(why)]);
    }
    expect((await push([[ZERO, "1".repeat(40), "refs/heads/bad"]], packOf([]))).text).toMatch(/missing/);
    await expectNothingLeft();
  });

  it("that is larger than allowed, or a bomb, is refused in bounded time and shown to the person", async () => {
    await work.git("init", "-q", "-b", "main", "large");
    await work.random("large", "noise", 3_000_000);
    await work.git("-C", "large", "add", ".");
    await work.git("-C", "large", "commit", "-q", "-m", "noise");
    expect(await work.fails("-C", "large", "push", url, "main:large")).toMatch(/maximum allowed size/);
    // Almost two gigabytes of zeros in two megabytes.
    const megabyte = Buffer.alloc(1_000_000);
    const megabytes = 1_900;
    const zeros = Readable.from(
      (function* () {
        for (let at = 0; at < megabytes; at += 1) yield megabyte;
      })(),
    );
    const deflated = await buffer(zeros.pipe(createDeflate()));
    const bomb = packOf([{ type: "blob", content: Buffer.alloc(0), size: megabytes * megabyte.length, deflated }]);
    const { status, text } = await push([[ZERO, "1".repeat(40), "refs/heads/bomb"]], bomb);
    expect([status, text]).toEqual([200, expect.stringMatching(/ng refs\/heads\/bomb/)]);
    await expectNothingLeft();
  });

  it("of a hundred thousand refs is refused with a reason", async () => {
    const head = await work.git("-C", "one", "rev-parse", "HEAD");
    const commands = Array.from({ length: 100_000 }, (_, at): [string, string, string] => [
      ZERO,
      head,
      `refs/heads/n-${at}`,
    ]);
    const { status, text } = await push(commands, packOf([]));
    expect([status, text.slice(0, 400)]).toEqual([
      200,
      expect.stringMatching(/ng refs\/heads\/n-0 a push changes at most 20000 refs/),
    ]);
    await expectNothingLeft();
  });

  it("that is aborted or slow leaves nothing behind", async () => {
    const { id, pack } = commitOf("slow");
    const head = pkt(`${ZERO} ${id} refs/heads/slow\0 report-status\n`);
    for (const part of [
      head.slice(0, 30),
      `${head}0000`,
      Buffer.concat([Buffer.from(`${head}0000`), pack.subarray(0, 30)]),
    ]) {
      const call = request(`${url}/git-receive-pack`, { method: "POST", agent: false });
      call.on("error", () => {});
      call.write(part);
      await new Promise((resolve) => setTimeout(resolve, 100));
      call.destroy();
    }
    for (let look = 0; look < 100; look += 1) {
      const left = (await readdir(cacheDirectory)).filter((name) => name.startsWith("incoming-"));
      if (left.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await expectNothingLeft();
  });

  it("or fetch that is not git's protocol is refused", async () => {
    for (const [path, init, status] of [
      ["/info/refs", {}, 400],
      ["/info/refs?service=git-upload-archive", {}, 400],
      ["/info/refs?service=git-upload-pack", { method: "POST" }, 400],
      ["/git-receive-pack", { method: "POST", body: "zzzz" }, 400],
      ["/git-receive-pack", { method: "POST", body: "0003" }, 400],
      ["/git-receive-pack", { method: "POST", body: pkt("what is this\n") }, 400],
      ["/git-receive-pack", { method: "POST", body: "0000" }, 200],
      ["/git-upload-pack", { method: "POST", body: "x", headers: { "content-encoding": "gzip" } }, 400],
      ["/objects/info/packs", {}, 404],
    ] as const) {
      const response = await fetch(`${url}${path}`, init);
      expect([path, init, response.status, await response.text()]).toEqual([path, init, status, expect.any(String)]);
    }
    for (const path of ["ada/..%2f..%2fetc.git", "ada/%2e%2e.git", "../x.git", "ada/.git", `${"a".repeat(65)}/x.git`]) {
      const response = await fetch(new URL(`/git/${path}/info/refs?service=git-upload-pack`, node.url));
      expect([path, response.status]).toEqual([path, 404]);
    }
    await expectNothingLeft();
  });
});
