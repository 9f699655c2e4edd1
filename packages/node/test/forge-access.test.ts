import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type AspenNode, createNode } from "../src/index.js";
import { Work } from "./git-work.js";
import { http } from "./support.js";

let store: MemoryStore;
let node: AspenNode;
let work: Work;

beforeAll(async () => {
  store = new MemoryStore();
  node = await createNode({
    store,
    // Whoever is on this machine needs a token, too.
    config: { listen: { port: 0 }, logLevel: "silent", auth: { required: true }, features: { forge: true } },
  });
  work = await Work.open();
  await work.git("init", "-q", "-b", "main", "one");
  await work.commits("one", 2);
});
afterAll(async () => {
  await work[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

async function tokenFor(methods: string[], kvPrefixes: string[]): Promise<string> {
  return ((await node.inject("token.create", { methods, kvPrefixes })) as { token: string }).token;
}

async function create(owner: string, name: string, settings: object = {}): Promise<string> {
  const made = (await node.inject("forge.repo.create", { owner, name, ...settings })) as { cloneUrl: string };
  return made.cloneUrl;
}

const withToken = (url: string, token: string, user = "anybody") => url.replace("//", `//${user}:${token}@`);

async function rpc(method: string, params: object, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { status, body } = await http(node.url, `/rpc/${method}`, { body: JSON.stringify(params), headers });
  return { status, body, code: body?.error?.code as string | undefined };
}

describe("a private repository", () => {
  it("is cloned and pushed to by those who are granted it, with Basic and with Bearer", async () => {
    const url = await create("ada", "secret");
    const [reader, writer] = await Promise.all([
      tokenFor(["forge.git.read"], ["forge:ada/secret/"]),
      tokenFor(["forge.git.*"], ["forge:ada/"]),
    ]);
    expect(await work.fails("clone", url, "none")).toMatch(/could not read Username|Authentication failed/);
    expect(await work.fails("clone", withToken(url, "a.b.c"), "none")).toMatch(
      /the token does not count|Authentication failed/,
    );
    expect(await work.fails("-C", "one", "push", withToken(url, reader), "main")).toMatch(
      /you may not push to ada\/secret/,
    );
    await work.git("-C", "one", "push", "-q", withToken(url, writer), "main");
    await work.git("clone", "-q", withToken(url, reader, "x"), "read");
    const header = `http.extraHeader=Authorization: Bearer ${reader}`;
    expect(await work.git("-c", header, "ls-remote", url, "main")).toMatch(/refs\/heads\/main$/);
  });

  it("is to all others as if it were not there", async () => {
    const url = await create("ada", "hidden");
    const other = await tokenFor(["forge.*"], ["forge:bob/", "forge:ada/hid/"]);
    const missing = url.replace("hidden", "missing");
    for (const there of [url, missing]) {
      expect(await work.fails("clone", withToken(there, other), "none")).toMatch(/there is no repository/);
      expect(await work.fails("clone", there, "none")).toMatch(/could not read Username/);
    }
    for (const name of ["hidden", "missing"]) {
      expect(await rpc("forge.repo.get", { owner: "ada", name }, other)).toMatchObject({
        status: 404,
        code: "FORGE_REPO_NOT_FOUND",
      });
      expect(await rpc("forge.repo.delete", { owner: "ada", name }, other)).toMatchObject({
        code: "FORGE_REPO_NOT_FOUND",
      });
    }
    const { body } = await rpc("forge.repo.list", { owner: "ada" }, other);
    expect(body.repositories).toEqual([]);
    expect(await rpc("forge.repo.create", { owner: "ada", name: "mine" }, other)).toMatchObject({
      code: "PERMISSION_DENIED",
    });
    expect(await rpc("kv.scan", { prefix: "forge:" }, await tokenFor(["kv.*"], ["forge:"]))).toMatchObject({
      status: 403,
    });
  });

  it("keeps its objects to itself, also from who knows their ids", async () => {
    const secret = await create("ada", "vault");
    await create("bob", "open", { visibility: "public" });
    const writer = await tokenFor(["forge.git.*"], ["forge:"]);
    await work.git("-C", "one", "push", "-q", withToken(secret, writer), "main");
    const head = await work.git("-C", "one", "rev-parse", "HEAD");
    const open = secret.replace("ada/vault", "bob/open");
    await work.git("init", "-q", "-b", "main", "thief");
    await work.commits("thief", 1, "thief");
    await work.git("-C", "thief", "push", "-q", withToken(open, writer), "main");
    expect(await work.fails("-C", "thief", "fetch", open, head)).toMatch(/not our ref|upload-pack|remote error/);
    // A ref to an object that only another repository has.
    const line = `${"0".repeat(40)} ${head} refs/heads/stolen\0 report-status\n`;
    const pack = await work.raw("thief", "pack-objects", "--stdout", "--revs");
    const body = Buffer.concat([Buffer.from(`${(line.length + 4).toString(16).padStart(4, "0") + line}0000`), pack]);
    const response = await fetch(`${open}/git-receive-pack`, {
      method: "POST",
      body,
      headers: { authorization: `Basic ${Buffer.from(`x:${writer}`).toString("base64")}` },
    });
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringMatching(/ng refs\/heads\/stolen .*missing/),
    ]);
  });
});

describe("a public repository", () => {
  it("is cloned by anybody, and pushed to by those who may", async () => {
    const url = await create("ada", "site", { visibility: "public" });
    const writer = await tokenFor(["forge.git.write"], ["forge:ada/site/"]);
    await work.git("-C", "one", "push", "-q", withToken(url, writer), "main");
    await work.git("clone", "-q", url, "anonymous");
    expect(await work.fails("-C", "one", "push", url, "main:other")).toMatch(/could not read Username/);
  });
});
