import { MemoryStore } from "@aspen/storage/memory";
import { afterEach, describe, expect, it } from "@jest/globals";
import { FailedAttempts } from "../src/auth/failed-attempts.js";
import { type AspenNode, createNode, type NodeConfig } from "../src/index.js";
import { type Answer, http } from "./support.js";

const SITE = "https://app.example";
let node: AspenNode | undefined;

async function start(config: NodeConfig): Promise<AspenNode> {
  const base = { listen: { port: 0 }, logLevel: "silent", features: { "plugins-wasm": false } } as const;
  node = await createNode({ store: new MemoryStore(), config: { ...base, ...config } });
  return node;
}

afterEach(async () => {
  await node?.[Symbol.asyncDispose]();
  node = undefined;
});

const port = () => new URL(node!.url).port;

function info(headers: Record<string, string> = {}, host = "127.0.0.1"): Promise<Answer> {
  return http(`http://${host}:${port()}`, "/rpc/node.info", { body: "{}", headers });
}

async function bearer(params: Record<string, unknown> = { methods: ["*"], kvPrefixes: [""] }): Promise<string> {
  const { token } = (await node!.inject("token.create", params)) as { token: string };
  return `Bearer ${token}`;
}

describe("a node that other machines reach", () => {
  it("does not start without authentication", async () => {
    for (const config of [
      { listen: { host: "0.0.0.0", port: 0 } },
      { listen: { host: "::", port: 0 }, auth: false },
      { listen: { host: "10.0.0.1", port: 0 } },
      { listen: { host: "node.example", port: 0 } },
      { listen: { host: "0.0.0.0", port: 0 }, auth: true, features: { auth: false } },
    ]) {
      await expect(start(config)).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringContaining("auth"),
      });
    }
    const lookup = async () => [{ address: "192.0.2.1", family: 4 }];
    const config = { listen: { host: "localhost", port: 0 }, logLevel: "silent" } as const;
    await expect(createNode({ store: new MemoryStore(), config, lookup })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });

  it("lets those on the machine in, and asks all others for a token", async () => {
    await start({ listen: { host: "0.0.0.0", port: 0 }, auth: true });
    const authorization = await bearer();
    expect((await info()).status).toBe(200);
    // By an address that is not this machine's alone, or by a name that a page may have been given.
    for (const answer of [await info({}, "0.0.0.0"), await info({ host: "rebound.example" })]) {
      expect([answer.status, answer.body.error.code]).toEqual([401, "UNAUTHENTICATED"]);
      expect(answer.headers["www-authenticate"]).toBe('Bearer realm="aspen"');
    }
    expect((await info({ host: "rebound.example", authorization })).status).toBe(200);
    expect((await http(node!.url, "/healthz", { method: "GET", headers: { host: "lb.example" } })).status).toBe(200);
    const { nodes } = (await node!.inject("cluster.nodes")) as { nodes: { address: string | null }[] };
    expect(nodes.map(({ address }) => address)).toEqual([null]);
  });
});

describe("credentials", () => {
  it("bound who sends them also on this machine, and are never passed over", async () => {
    await start({});
    const authorization = await bearer({ methods: ["kv.*"], kvPrefixes: ["a:"] });
    expect((await info({ authorization })).body.error.code).toBe("PERMISSION_DENIED");
    for (const text of ["Bearer", "bearer ", "Bearer x", `${authorization}x`, "BEARER a.b.c"]) {
      const { status, body } = await info({ authorization: text });
      expect([text, status, body.error.code]).toEqual([text, 401, "UNAUTHENTICATED"]);
    }
    // Those of a proxy are not for the node.
    expect((await info({ authorization: "Basic YTpi" })).status).toBe(200);
  });

  it("of a node that knows no tokens are refused", async () => {
    await start({ features: { auth: false, "plugins-wasm": false } });
    expect((await info()).status).toBe(200);
    expect((await info({ authorization: "Bearer a.b.c" })).body.error).toMatchObject({
      ...{ code: "UNAUTHENTICATED", details: { reason: "off" } },
    });
  });
});

describe("pages of other sites", () => {
  it("are refused unless their site may call, and then need a token", async () => {
    await start({ auth: { origins: [SITE] } });
    const authorization = await bearer();
    const preflight = (origin: string) =>
      http(node!.url, "/rpc/node.info", {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type",
        },
      });
    const allowed = await preflight(SITE);
    expect([allowed.status, allowed.headers]).toMatchObject([
      204,
      {
        "access-control-allow-origin": SITE,
        "access-control-allow-methods": expect.stringContaining("POST"),
        "access-control-allow-headers": expect.stringContaining("authorization"),
        "access-control-max-age": "600",
        vary: expect.stringContaining("Origin"),
      },
    ]);
    expect(allowed.headers["access-control-allow-credentials"]).toBeUndefined();
    for (const origin of ["https://evil.example", "https://app.example.evil.example", "null", `${SITE}:444`]) {
      const refused = await preflight(origin);
      expect(refused.status).toBe(403);
      expect(refused.headers["access-control-allow-origin"]).toBeUndefined();
      expect((await info({ origin, authorization })).status).toBe(403);
    }
    const without = await info({ origin: SITE });
    expect(without.status).toBe(401);
    // The page can read why.
    expect(without.headers["access-control-allow-origin"]).toBe(SITE);
    const answer = await info({ origin: SITE, authorization });
    expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, SITE]);
    const mount = await http(node!.url, "/readyz", { method: "GET", headers: { origin: SITE } });
    expect([mount.status, mount.headers["access-control-allow-origin"]]).toEqual([200, SITE]);
    const own = await info({ origin: node!.url });
    expect([own.status, own.headers["access-control-allow-origin"]]).toEqual([200, undefined]);
  });

  it("are named by origins alone", async () => {
    for (const origin of ["*", "app.example", `${SITE}/`, `${SITE}/x`, "null"]) {
      await expect(start({ auth: { origins: [origin] } })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    }
  });
});

describe("a rate limit", () => {
  it("counts each caller for itself, and says when to ask again", async () => {
    await start({ auth: { required: true }, rateLimit: { requests: 3, perMs: 3_600_000 } });
    const [one, other] = [await bearer(), await bearer()];
    for (let at = 0; at < 3; at += 1) expect((await info({ authorization: one })).status).toBe(200);
    const { status, body, headers } = await info({ authorization: one });
    expect([status, body.error.code]).toEqual([429, "RATE_LIMITED"]);
    const { retryAfterMs } = body.error.details as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(1_000_000);
    expect(headers["retry-after"]).toBe(String(Math.ceil(retryAfterMs / 1000)));
    expect((await info({ authorization: other })).status).toBe(200);
    // Whoever mends the node is not counted.
    for (let at = 0; at < 10; at += 1) await node!.inject("node.info");
    const metrics = await http(node!.url, "/rpc/node.info", { body: "{}", headers: { authorization: other } });
    expect(metrics.status).toBe(200);
  });
});

describe("credentials that do not count", () => {
  const forged = "Bearer eyJhbGciOiJFZERTQSJ9.e30.AAAA";
  const codeOf = async (headers: Record<string, string>) => {
    const { status, body, headers: answered } = await info(headers);
    return [status, body.error?.code ?? "OK", answered["retry-after"] !== undefined];
  };

  it("are looked at no more when an address has sent too many; tokens that were let in before still are", async () => {
    await start({ auth: { required: true, failures: { attempts: 5, perMs: 3_600_000, local: true } } });
    const [known, fresh] = [await bearer(), await bearer()];
    expect(await codeOf({ authorization: known })).toEqual([200, "OK", false]);
    for (let at = 0; at < 5; at += 1)
      expect(await codeOf({ authorization: forged })).toEqual([401, "UNAUTHENTICATED", false]);
    expect(await codeOf({ authorization: forged })).toEqual([429, "RATE_LIMITED", true]);
    expect(await codeOf({ authorization: fresh })).toEqual([429, "RATE_LIMITED", true]);
    expect(await codeOf({ authorization: known })).toEqual([200, "OK", false]);
    // None at all is no attempt.
    expect(await codeOf({})).toEqual([401, "UNAUTHENTICATED", false]);
    const metrics = await (await fetch(`${node!.url}/metrics`, { headers: { authorization: known } })).text();
    expect(metrics).toMatch(/^aspen_node_authentication_failures_total 5$/m);
    expect(metrics).toMatch(/^aspen_node_authentication_throttled_total 2$/m);
  });

  it("of this machine are not counted, as a proxy may stand for everybody", async () => {
    await start({ auth: { required: true, failures: { attempts: 2 } } });
    for (let at = 0; at < 5; at += 1)
      expect(await codeOf({ authorization: forged })).toEqual([401, "UNAUTHENTICATED", false]);
    expect(await codeOf({ authorization: await bearer() })).toEqual([200, "OK", false]);
  });

  it("are counted by address, a network of IPv6 as one, of a bounded number", () => {
    const failed = new FailedAttempts({ attempts: 2, perMs: 3_600_000, local: false });
    const send = (address: string, times = 2) => {
      for (let at = 0; at < times; at += 1) failed.note(address);
    };
    send("192.0.2.1");
    expect(["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"].map((it) => failed.isThrottled(it))).toEqual([
      true,
      true,
      false,
    ]);
    failed.note("2001:db8:1:2::1");
    failed.note("2001:db8:1:2:ffff::9%eth0");
    expect(["2001:db8:1:2:a:b:c:d", "2001:0db8:1:3::1"].map((it) => failed.isThrottled(it))).toEqual([true, false]);
    for (const local of ["127.0.0.1", "::1", "::ffff:127.0.0.1", ""]) {
      send(local);
      expect(failed.isThrottled(local)).toBe(false);
    }
    for (let at = 0; at < 10_001; at += 1) failed.note(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);
    expect(failed.isThrottled("192.0.2.1")).toBe(false);
  });
});
