import { fileURLToPath } from "node:url";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { toBase64 } from "@aspen/rpc-core";
import { blobHash } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import { type AspenNode, createNode } from "../src/index.js";
import { type MethodSample, methodSamples } from "./method-samples.js";
import { type Answer, http } from "./support.js";

const HOUR_MS = 3_600_000;

let store: MemoryStore;
let node: AspenNode;
let samples: MethodSample[];
/** Milliseconds by which the node's clock is ahead. */
let ahead = 0;

interface Made {
  token: string;
  id: string;
  expiresAt: number;
}

/** With a token, unless it is null. */
function call(method: string, params: unknown, token: string | null, url = node.url): Promise<Answer> {
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  return http(url, `/rpc/${method}`, { body: JSON.stringify(params), headers });
}

/** Made by this machine, or by the holder of a token. */
async function make(params: Record<string, unknown>, by: string | null = null): Promise<Made> {
  if (by === null) return (await node.inject("token.create", params)) as Made;
  const { status, body } = await call("token.create", params, by);
  expect([status, body.error]).toEqual([200, undefined]);
  return body as Made;
}

const all = { methods: ["*"], kvPrefixes: [""] };

beforeAll(async () => {
  store = new MemoryStore();
  const clock = { now: () => Date.now() + ahead };
  const config = { listen: { port: 0 }, logLevel: "silent", auth: { required: true } } as const;
  node = await createNode({ store, clock, config });
  const { manifest, wasm } = await compilePlugin(fileURLToPath(new URL("fixtures/counter", import.meta.url)));
  const { id } = await make({ methods: ["kv.get"] });
  samples = methodSamples(
    { manifest, artifacts: [{ name: "plugin.wasm", content: toBase64(wasm) }] },
    blobHash(new Uint8Array()),
    id,
  );
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

interface Keys {
  clusterId: string;
  current: { kid: string; privateKey: JWK };
}

async function keysOf(of: MemoryStore = store): Promise<Keys> {
  return JSON.parse(decodeUtf8((await of.kv.get("__sys:auth:keys"))!.value)) as Keys;
}

/** A token of any form. */
async function signed(
  {
    alg = "EdDSA",
    typ = "aspen+jwt",
    kid,
    ...payload
  }: Record<string, unknown> & {
    alg?: string;
    typ?: string;
    kid?: string;
  },
  key: Parameters<SignJWT["sign"]>[0],
): Promise<string> {
  const { clusterId, current } = await keysOf();
  const now = Math.floor(Date.now() / 1000);
  const claims = { jti: "made", aud: clusterId, iat: now, exp: now + 600, methods: ["*"], kv: [""], chain: [] };
  return new SignJWT({ ...claims, ...payload }).setProtectedHeader({ alg, typ, kid: kid ?? current.kid }).sign(key);
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("every core method", () => {
  it("is closed to a token that does not count, and says why", async () => {
    const { clusterId, current } = await keysOf();
    const own = await importJWK(current.privateKey, "EdDSA");
    const other = await generateKeyPair("EdDSA", { extractable: true });
    const otherKid = String((await exportJWK(other.publicKey)).x);
    const good = await make(all);
    const [head, payload, signature] = good.token.split(".") as [string, string, string];
    const claims = JSON.parse(decodeUtf8(Buffer.from(payload, "base64url"))) as JWTPayload;
    const expired = await make({ ...all, expiresInMs: 1000 });
    const revoked = await make(all);
    const derived = await make(all, revoked.token);
    const grandchild = await make(all, derived.token);
    await node.inject("token.revoke", { id: revoked.id });
    ahead += 3000;
    const publicKey = encodeUtf8(String(current.privateKey.x));
    const refused: [reason: string, token: string | null][] = [
      ["missing", null],
      ["audience", (await make({ ...all, audience: "elsewhere" })).token],
      ["expired", expired.token],
      ["revoked", revoked.token],
      ["revoked", derived.token],
      ["revoked", grandchild.token],
      // The claims of another, the signature of another, none at all.
      ["signature", [head, part({ ...claims, jti: "mine" }), signature].join(".")],
      ["signature", [head, payload, "A".repeat(86)].join(".")],
      ["signature", await signed({}, other.privateKey)],
      ["malformed", [head, payload, ""].join(".")],
      ["malformed", "not-a-token-at-all"],
      ["malformed", ""],
      ["malformed", `${good.token}.x`],
      // The public key as the secret of an HMAC, and no signature at all.
      ["algorithm", await signed({ alg: "HS256" }, publicKey.length >= 32 ? publicKey : new Uint8Array(32))],
      ["algorithm", [part({ alg: "none", typ: "aspen+jwt", kid: current.kid }), payload, "A"].join(".")],
      // Of another cluster: its key, and its key under the name of ours.
      ["unknown-key", await signed({ kid: otherKid }, other.privateKey)],
      ["audience", await signed({ aud: "another-cluster" }, own)],
      // Of our key, and yet no token: another type, claims that no token has, more than it may have.
      ["malformed", await signed({ typ: "JWT" }, own)],
      ["malformed", await signed({ admin: true }, own)],
      ["malformed", await signed({ methods: "*" }, own)],
      ["malformed", await signed({ chain: undefined }, own)],
      ["malformed", await signed({ exp: undefined }, own)],
      ["malformed", await signed({ jti: "a".repeat(9000) }, own)],
    ];
    expect(clusterId).not.toBe("");
    for (const { method, params } of samples) {
      for (const [reason, token] of refused) {
        const { status, body, headers } = await call(method, params, token);
        const told = [method, reason, status, body.error?.code, body.error?.details.reason];
        expect(told).toEqual([method, reason, 401, "UNAUTHENTICATED", reason]);
        expect(headers["www-authenticate"]).toMatch(/^Bearer realm="aspen"/);
        if (token) expect(JSON.stringify(body)).not.toContain(token);
      }
      expect([method, (await call(method, params, good.token)).status]).toEqual([method, 200]);
    }
  });

  it("is closed to a token that does not grant it", async () => {
    const { token } = await make({ methods: ["other.*"], kvPrefixes: [""] });
    for (const { method, params, keys } of samples) {
      const wrong = await call(method, params, token);
      expect([method, wrong.status, wrong.body.error.code]).toEqual([method, 403, "PERMISSION_DENIED"]);
      if (!keys) continue;
      for (const kvPrefixes of [[], [keys.other], ["x:"]]) {
        const narrow = await make({ methods: ["kv.*"], kvPrefixes });
        const { status, body } = await call(method, params, narrow.token);
        expect([method, status, body.error.code, body.error.details.key]).toEqual([
          method,
          403,
          "PERMISSION_DENIED",
          "t:a",
        ]);
      }
    }
  });
});

describe("token.create", () => {
  it("gives no more than its maker has", async () => {
    const { token, expiresAt } = await make({
      methods: ["kv.*", "token.*"],
      kvPrefixes: ["app:"],
      expiresInMs: HOUR_MS,
      name: "app",
    });
    for (const params of [
      { methods: ["*"] },
      { methods: ["kv.get", "plugin.list"] },
      { methods: ["admin"] },
      { methods: ["kv.get"], kvPrefixes: [""] },
      { methods: ["kv.get"], kvPrefixes: ["ap"] },
      { methods: ["kv.get"], kvPrefixes: ["app:", "other:"] },
    ]) {
      const { status, body } = await call("token.create", params, token);
      expect([status, body.error.code]).toEqual([403, "PERMISSION_DENIED"]);
    }
    const late = await call("token.create", { methods: ["kv.get"], expiresInMs: 2 * HOUR_MS }, token);
    expect([late.status, late.body.error.code]).toEqual([400, "INVALID_PARAMS"]);
    const child = await make({ methods: ["kv.get"], kvPrefixes: ["app:a:"] }, token);
    expect(child.expiresAt).toBe(expiresAt);
    expect((await call("kv.get", { key: "app:a:1" }, child.token)).status).toBe(200);
    expect((await call("kv.get", { key: "app:b:1" }, child.token)).status).toBe(403);
    expect((await call("kv.put", { key: "app:a:1", value: "1" }, child.token)).status).toBe(403);
  });

  it("refuses what is no pattern, a life out of range, and a chain that is too long", async () => {
    for (const params of [
      { methods: [] },
      { methods: ["kv.**"] },
      { methods: ["*.get"] },
      { methods: ["kv."] },
      { methods: [""] },
      { methods: Array.from({ length: 65 }, (_, at) => `m${at}`) },
      { methods: ["kv.get"], expiresInMs: 999 },
      { methods: ["kv.get"], expiresInMs: 367 * 24 * HOUR_MS },
      { methods: ["kv.get"], kvPrefixes: ["a".repeat(257)] },
    ]) {
      await expect(node.inject("token.create", params)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    }
    let made = await make({ methods: ["token.create"] });
    for (let depth = 0; depth < 8; depth += 1) made = await make({ methods: ["token.create"] }, made.token);
    const { status, body } = await call("token.create", { methods: ["token.create"] }, made.token);
    expect([status, body.error.code]).toEqual([400, "INVALID_PARAMS"]);
    const many = Array.from({ length: 64 }, (_, at) => String(at).padStart(120, "a"));
    await expect(node.inject("token.create", { methods: many })).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });

  it("makes none for a plugin, or for a token that is not known", async () => {
    for (const [caller, code] of [
      [{ kind: "plugin", id: "p", grants: all }, "PERMISSION_DENIED"],
      [{ kind: "token", id: "never-made", grants: { methods: ["token.*"], kvPrefixes: [] } }, "TOKEN_NOT_FOUND"],
    ] as const) {
      await expect(node.inject("token.create", { methods: ["token.list"] }, { caller })).rejects.toMatchObject({
        code,
      });
    }
  });
});

describe("token.list, inspect and revoke", () => {
  it("show a holder its own and what was derived from it, and an admin all", async () => {
    const grants = { methods: ["token.*", "kv.get"], kvPrefixes: ["a:"] };
    const mine = await make({ ...grants, name: "mine" });
    const child = await make({ ...grants, name: "child" }, mine.token);
    const stranger = await make({ ...grants, name: "stranger" });
    const { body } = await call("token.list", {}, mine.token);
    const names = body.tokens.map(({ name }: { name: string }) => name).sort();
    expect(names).toEqual(["child", "mine"]);
    expect((await call("token.inspect", {}, mine.token)).body).toMatchObject({
      ...{ id: mine.id, name: "mine", state: "active", revokedWith: null, parents: [] },
      ...{ createdBy: { kind: "local", id: "local" }, expiresAt: mine.expiresAt },
    });
    expect((await call("token.inspect", { id: child.id }, mine.token)).body).toMatchObject({
      ...{ parents: [mine.id], createdBy: { kind: "token", id: mine.id } },
    });
    for (const method of ["token.inspect", "token.revoke"]) {
      for (const id of [stranger.id, "never-made"]) {
        const { status, body } = await call(method, { id }, mine.token);
        expect([status, body.error.code]).toEqual([404, "TOKEN_NOT_FOUND"]);
      }
      // Not the parent's either.
      expect((await call(method, { id: mine.id }, child.token)).status).toBe(404);
    }
    expect(await node.inject("token.inspect", { id: stranger.id })).toMatchObject({ name: "stranger" });
    expect((await call("token.revoke", { id: mine.id }, mine.token)).status).toBe(200);
    expect((await call("kv.get", { key: "a:1" }, child.token)).status).toBe(401);
    expect(await node.inject("token.inspect", { id: child.id })).toMatchObject({
      ...{ state: "revoked", revokedWith: mine.id },
    });
    const pages: string[] = [];
    let after: string | undefined;
    do {
      const page = (await node.inject("token.list", { limit: 3, after })) as { tokens: Made[]; cursor: string | null };
      pages.push(...page.tokens.map(({ id }) => id));
      after = page.cursor ?? undefined;
    } while (after !== undefined);
    expect(pages).toEqual(expect.arrayContaining([mine.id, child.id, stranger.id]));
    expect(new Set(pages).size).toBe(pages.length);
  });

  it("never show a token, and keep none", async () => {
    const { token, id } = await make({ methods: ["kv.get"] });
    const shown = JSON.stringify([
      await node.inject("token.list", { limit: 1000 }),
      await node.inject("audit.list", {}),
    ]);
    expect(shown).toContain(id);
    let kept = "";
    for (let after: string | undefined, first = true; first || after !== undefined; first = false) {
      const page = await store.kv.scan({ prefix: "", limit: 10_000, ...(after === undefined ? {} : { after }) });
      kept += page.entries.map(({ value }) => Buffer.from(value).toString("latin1")).join("\n");
      after = page.cursor;
    }
    for (const secret of [token, token.split(".")[2]!]) {
      expect(shown).not.toContain(secret);
      expect(kept).not.toContain(secret);
    }
    const { privateKey } = (await keysOf()).current;
    for (const method of ["node.info", "token.list", "audit.list", "rpc.describe"]) {
      expect(JSON.stringify(await node.inject(method, {}))).not.toContain(privateKey.d);
    }
    await expect(node.inject("kv.get", { key: "__sys:auth:keys" })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
  });
});

describe("token.rotate", () => {
  it("changes the key, and refuses no token of the one before unless it is dropped", async () => {
    const before = await make(all);
    const { kid } = (await keysOf()).current;
    const first = (await node.inject("token.rotate", {})) as { kid: string; retired: string[] };
    expect(first.kid).not.toBe(kid);
    expect(first.retired).toContain(kid);
    const after = await make(all);
    for (const { token } of [before, after]) expect((await call("node.info", {}, token)).status).toBe(200);
    expect(JSON.stringify(await store.kv.get("__sys:auth:keys"))).not.toContain("undefined");
    expect(await node.inject("token.rotate", { drop: true })).toMatchObject({ retired: [] });
    for (const { token } of [before, after]) {
      expect((await call("node.info", {}, token)).body.error.details.reason).toBe("unknown-key");
    }
    expect((await call("node.info", {}, (await make(all)).token)).status).toBe(200);
  });
});

describe("the keys of others", () => {
  it("are out of reach of kv.* without the grant admin, also for a scan that is wider", async () => {
    await store.kv.put("__plugin:counter:n", encodeUtf8("1"));
    await store.kv.put("forge:repo", encodeUtf8("1"));
    await store.kv.put("mine:a", encodeUtf8("1"));
    const wide = await make({ methods: ["kv.*"], kvPrefixes: [""] });
    const admin = await make({ methods: ["kv.*", "admin"], kvPrefixes: [""] });
    for (const key of ["__plugin:counter:n", "forge:repo", "__hooks:x", "__service:x", "__sys:auth:keys"]) {
      for (const [method, params] of [
        ["kv.get", { key }],
        ["kv.put", { key, value: "2" }],
        ["kv.delete", { key }],
        ["kv.cas", { key, expected: null, value: "2" }],
        ["kv.append", { prefix: key, value: "2" }],
        ["kv.scan", { prefix: key }],
      ] as const) {
        const { status, body } = await call(method, params, wide.token);
        expect([method, key, status, body.error?.code]).toEqual([method, key, 403, "PERMISSION_DENIED"]);
        if (key.startsWith("__sys:")) expect((await call(method, params, admin.token)).status).toBe(403);
      }
    }
    for (const prefix of ["", "_", "__", "__plugin", "f", "__s"]) {
      const { body } = await call("kv.scan", { prefix }, wide.token);
      const keys: string[] = body.entries.map(({ key }: { key: string }) => key);
      expect(keys.filter((key) => /^(__|forge:)/.test(key))).toEqual([]);
      if (prefix === "") expect(keys).toContain("mine:a");
    }
    expect((await call("kv.get", { key: "forge:repo" }, admin.token)).body).toMatchObject({ value: "1" });
  });

  it("are named by no cursor, and leapt over by pages and streams in both directions", async () => {
    for (let at = 0; at < 12; at += 1) {
      await store.kv.put(`__plugin:counter:secret-${at}`, encodeUtf8("1"));
      await store.kv.put(`forge:secret-${at}`, encodeUtf8("1"));
      await store.kv.put(`forge:\u{10FFFF}secret-${at}`, encodeUtf8("1"));
    }
    const mine = ["!first:a", "a:1", "a:2", "forgd:x", "forgf:x", "~last:a"];
    for (const key of mine) await store.kv.put(key, encodeUtf8("1"));
    const { token } = await make({ methods: ["kv.*"], kvPrefixes: [""] });
    for (const reverse of [false, true]) {
      for (const limit of [1, 2, 3, 5]) {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const { body } = await call("kv.scan", { prefix: "", limit, reverse, after }, token);
          expect(body.entries.length).toBeLessThanOrEqual(limit);
          seen.push(...body.entries.map(({ key }: { key: string }) => key));
          after = body.cursor ?? undefined;
          if (after !== undefined) expect(Buffer.from(after, "base64url").toString()).not.toMatch(/__|forge:/);
        } while (after !== undefined);
        const expected = reverse ? mine.toReversed() : mine;
        expect(seen.filter((key) => mine.includes(key))).toEqual(expected);
        expect(seen.filter((key) => /^(__|forge:)/.test(key))).toEqual([]);
        const headers = { authorization: `Bearer ${token}`, accept: "application/x-ndjson" };
        const body = JSON.stringify({ prefix: "", reverse, limit: seen.length });
        const lines = await (await fetch(`${node.url}/rpc/kv.scan`, { method: "POST", headers, body })).text();
        const streamed = lines.trimEnd().split("\n");
        expect(streamed.map((line) => JSON.parse(line).key)).toEqual(seen);
      }
    }
  });

  it("are out of reach of a scan that streams, and of a batch", async () => {
    await store.kv.put("__plugin:counter:n", encodeUtf8("1"));
    await store.kv.put("mine:a", encodeUtf8("1"));
    const { token } = await make({ methods: ["kv.*"], kvPrefixes: [""] });
    const headers = { authorization: `Bearer ${token}`, accept: "application/x-ndjson" };
    const scan = (prefix: string) =>
      fetch(`${node.url}/rpc/kv.scan`, { method: "POST", headers, body: JSON.stringify({ prefix }) });
    const text = await (await scan("")).text();
    expect(text).toContain('"mine:a"');
    expect(text).not.toMatch(/"(__|forge:)/);
    for (const prefix of ["__plugin:", "__sys:"])
      expect(await (await scan(prefix)).text()).toContain("PERMISSION_DENIED");
    const calls = [
      { method: "kv.get", params: { key: "__plugin:counter:n" } },
      { method: "plugin.list" },
      { method: "kv.get", params: { key: "mine:a" } },
    ];
    const body = JSON.stringify(calls);
    const answers = (await http(node.url, "/rpc", { headers: { authorization: `Bearer ${token}` }, body })).body;
    expect(answers.map(({ error }: { error?: { code: string } }) => error?.code)).toEqual([
      "PERMISSION_DENIED",
      "PERMISSION_DENIED",
      undefined,
    ]);
    const without = (await http(node.url, "/rpc", { body })).body as { error?: { code: string } }[];
    expect(without.map(({ error }) => error?.code)).toEqual(Array(3).fill("UNAUTHENTICATED"));
    // A token that does not count ends the whole.
    const forged = { authorization: `Bearer ${token}x` };
    expect((await http(node.url, "/rpc", { headers: forged, body })).status).toBe(401);
  });

  it("are those of an installed plugin, too", async () => {
    const install = samples.find(({ method }) => method === "plugin.install")!.params as { manifest: object };
    const manifest = { ...install.manifest, kv_prefixes: ["tally:"] };
    await node.inject("plugin.install", { ...install, manifest });
    const { token } = await make({ methods: ["kv.*"], kvPrefixes: ["tally:"] });
    expect((await call("kv.get", { key: "tally:n" }, token)).body.error.code).toBe("PERMISSION_DENIED");
    await node.inject("plugin.remove", { name: "counter" });
    expect((await call("kv.get", { key: "tally:n" }, token)).status).toBe(200);
  });
});

it("notes who changed which plugin, and what was granted", async () => {
  const { params } = samples.find(({ method }) => method === "plugin.install")!;
  const { token, id } = await make({ methods: ["plugin.*"] });
  const by = { kind: "token", id, requestId: expect.any(String) };
  for (const [method, sent] of [
    ["plugin.install", params],
    ["plugin.install", params],
    ["plugin.disable", { name: "counter" }],
    ["plugin.enable", { name: "counter" }],
    ["plugin.remove", { name: "counter" }],
  ] as const) {
    await call(method, sent, token);
  }
  const { entries } = (await node.inject("audit.list", { limit: 5 })) as { entries: unknown[] };
  expect(entries).toMatchObject([
    { action: "plugin.remove", subject: "counter", by },
    { action: "plugin.enable", subject: "counter", by },
    { action: "plugin.disable", subject: "counter", by },
    // The second, which was refused, is not there.
    {
      ...{ action: "plugin.install", subject: "counter", by },
      details: { permissions: expect.any(Array), kvPrefixes: expect.any(Array), hashes: [expect.any(String)] },
    },
    { action: "token.create", subject: id },
  ]);
});

it("notes who did what, with the change", async () => {
  const made = await make({ methods: ["token.create"], name: "noted" });
  const child = await make({ methods: ["token.create"] }, made.token);
  await node.inject("token.revoke", { id: made.id });
  const { entries } = (await node.inject("audit.list", { limit: 3 })) as { entries: unknown[] };
  expect(entries).toMatchObject([
    { action: "token.revoke", subject: made.id, by: { kind: "local", id: "local" } },
    { action: "token.create", subject: child.id, by: { kind: "token", id: made.id } },
    { action: "token.create", subject: made.id, details: { name: "noted", methods: ["token.create"] } },
  ]);
});
