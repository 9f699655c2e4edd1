import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { aspen, type RunningNode, startNode } from "./support.js";

let directory: string;
let node: RunningNode;
let env: { ASPEN_NODE: string };
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-forge-test-"));
  node = await startNode(["--data-dir", join(directory, "data"), "--forge"]);
  env = { ASPEN_NODE: node.url };
});
afterAll(async () => {
  await node?.stop("SIGTERM");
  await rm(directory, { recursive: true, force: true });
});

describe("aspen forge repo", () => {
  it("creates a repository that the printed command clones, shows, changes and deletes it", async () => {
    const made = await aspen(["forge", "repo", "create", "ada/site", "--description", "a \u001b[31mred one"], { env });
    expect(made).toMatchObject({ code: 0, stdout: `git clone ${node.url}/git/ada/site.git\n` });
    const git = spawn("git", ["clone", "-q", made.stdout.trim().split(" ").at(-1)!, join(directory, "clone")]);
    expect((await once(git, "close"))[0]).toBe(0);
    const shown = await aspen(["forge", "repo", "get", "ada/site"], { env });
    expect(shown.stdout).toMatch(
      /^name +ada\/site\nclone +git clone http.*\nvisibility +private\ndefault branch +main\n/,
    );
    expect(shown.stdout).not.toContain("\u001b");
    const update = ["forge", "repo", "update", "ada/site", "--visibility", "public", "--branch", "trunk", "--json"];
    expect(JSON.parse((await aspen(update, { env })).stdout)).toMatchObject({
      visibility: "public",
      defaultBranch: "trunk",
    });
    expect((await aspen(["forge", "repo", "rename", "ada/site", "ada/home"], { env })).stdout).toMatch(
      /ada\/home\.git\n$/,
    );
    await aspen(["forge", "repo", "create", "bob/tool"], { env });
    expect((await aspen(["forge", "repo", "list"], { env })).stdout).toMatch(
      /^NAME .*\nada\/home +public +trunk .*\nbob\/tool +private/,
    );
    expect((await aspen(["forge", "repo", "list", "--limit", "1"], { env })).stderr).toMatch(/^more: --after /);
    expect((await aspen(["forge", "repo", "list", "bob", "--json"], { env })).stdout).toContain('"cursor":null');
    expect((await aspen(["forge", "repo", "delete", "ada/home"], { env })).stdout).toBe("deleted ada/home\n");
    const gone = await aspen(["forge", "repo", "get", "ada/home"], { env });
    expect([gone.code, gone.stderr]).toEqual([4, expect.stringMatching(/^error FORGE_REPO_NOT_FOUND: /)]);
    expect(await aspen(["forge", "repo", "get", "site"], { env })).toMatchObject({ code: 2 });
  });
});
