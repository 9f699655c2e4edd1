import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { aspen, type RunningNode, startNode } from "./support.js";

let directory: string;
let node: RunningNode;
/** Its address as somebody on the machine has it; by any other, callers need a token. */
let local: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-token-"));
  node = await startNode(["--listen", "0.0.0.0:0", "--auth", "--data-dir", join(directory, "data")]);
  local = node.url.replace("0.0.0.0", "127.0.0.1");
});
afterAll(async () => {
  await node?.stop("SIGTERM");
  await rm(directory, { recursive: true, force: true });
});

async function create(...options: string[]): Promise<{ token: string; id: string }> {
  const made = await aspen(["token", "create", ...options, "--json", "--node", local]);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(made.stdout);
}

describe("aspen token", () => {
  it("makes a token that opens what it grants, and nothing else", async () => {
    const narrow = ["--methods", "kv.*,token.*", "--kv-prefix", "app:", "--expires", "1h", "--name", "app"];
    const { token, id } = await create(...narrow);
    const env = { ASPEN_NODE: node.url, ASPEN_TOKEN: token };
    expect(await aspen(["kv", "put", "app:a", "1"], { env })).toMatchObject({ code: 0 });
    expect(await aspen(["kv", "get", "app:a", "--node", node.url, "--token", token])).toMatchObject({ stdout: "1\n" });
    expect(await aspen(["--token", token, "kv", "get", "app:a", "--node", node.url])).toMatchObject({ code: 0 });
    for (const args of [
      ["kv", "get", "other:a"],
      ["kv", "scan"],
      ["plugin", "list"],
      ["token", "rotate"],
    ]) {
      const denied = await aspen(args, { env });
      expect(denied).toMatchObject({ code: 3, stdout: "" });
      expect(denied.stderr).toContain("PERMISSION_DENIED");
      expect(denied.stderr).not.toContain(token);
    }
    expect((await aspen(["token", "inspect", "--json"], { env })).stdout).toContain(`"id":"${id}"`);
    const derived = await aspen(["token", "create", "--methods", "kv.get", "--kv-prefix", "app:a"], { env });
    expect(derived.stdout).toMatch(/^eyJ[\w.-]+\n$/);
    expect(derived.stderr).toMatch(/^token [\w-]+ expires at \d{4}-/);
    expect((await aspen(["token", "list"], { env })).stdout.trim().split("\n")).toHaveLength(3);
    expect(await aspen(["token", "revoke", id, "--node", local])).toMatchObject({ code: 0, stdout: `revoked ${id}\n` });
    for (const revoked of [token, derived.stdout.trim()]) {
      const { code, stderr } = await aspen(["kv", "get", "app:a"], { env: { ...env, ASPEN_TOKEN: revoked } });
      expect(code).toBe(3);
      expect(stderr).toMatch(/^error UNAUTHENTICATED: .*revoked/);
      expect(stderr).not.toContain(revoked);
    }
    const audit = await aspen(["audit", "--limit", "2", "--json", "--node", local]);
    expect(JSON.parse(audit.stdout).entries).toMatchObject([
      { action: "token.revoke", subject: id, by: { kind: "local" } },
      { action: "token.create", by: { kind: "token", id } },
    ]);
    expect((await aspen(["audit", "--node", local])).stdout).toContain("token.revoke");
  });

  it("is asked for from elsewhere, and one that is wrong is never shown", async () => {
    const without = await aspen(["kv", "get", "a"], { env: { ASPEN_NODE: node.url } });
    expect(without).toMatchObject({ code: 3, stdout: "" });
    expect(without.stderr).toMatch(/^error UNAUTHENTICATED: .*ASPEN_TOKEN/);
    const { token } = await create("--methods", "*", "--kv-prefix", "");
    const forged = `${token.slice(0, -4)}AAAA`;
    for (const [args, status] of [
      [["kv", "get", "a", "--token", forged, "--node", node.url], 3],
      [["kv", "get", "a", "--token", `${forged} x`, "--node", node.url], 2],
      [["kv", "get", "a", `--tokn=${forged}`, "--node", node.url], 2],
      [["kv", "get", "a", forged, "--node", node.url], 2],
      [["token", "create", "--methods", "kv.*", "--expires", forged], 2],
      [["--token", forged, "node", "start"], 2],
    ] as const) {
      for (const json of [[], ["--json"]]) {
        const { code, stdout, stderr } = await aspen([...args, ...json]);
        expect([args[0], code]).toEqual([args[0], status]);
        expect(stdout + stderr).not.toContain(forged.slice(0, 40));
      }
    }
  });

  it("is needed on the machine, too, when the node says so", async () => {
    const data = join(directory, "strict");
    const strict = await startNode(["--auth-required", "--data-dir", data]);
    const { code, stderr } = await aspen(["kv", "get", "a", "--node", strict.url]);
    expect([code, stderr.slice(0, 21)]).toEqual([3, "error UNAUTHENTICATED"]);
    await strict.stop("SIGTERM");
    // Whoever has the store makes the first one.
    const made = await aspen(["token", "create", "--methods", "kv.*", "--kv-prefix", "", "--json", "--data-dir", data]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const again = await startNode(["--auth-required", "--data-dir", data]);
    const env = { ASPEN_NODE: again.url, ASPEN_TOKEN: JSON.parse(made.stdout).token };
    expect(await aspen(["kv", "put", "a", "1"], { env })).toMatchObject({ code: 0 });
    expect(await again.stop("SIGTERM")).toBe(0);
    expect((await aspen(["token", "list", "--data-dir", data])).stdout).toContain("kv.*");
    const bad = await aspen(["token", "create", "--methods", "kv.**", "--data-dir", data]);
    expect(bad).toMatchObject({ code: 2, stdout: "" });
  });
});
