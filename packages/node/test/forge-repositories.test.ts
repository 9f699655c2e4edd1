import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { createNode } from "../src/index.js";

const HOUR = 3_600_000;

test("the plugin keeps repositories: it creates, lists, changes, renames and deletes them", async () => {
  await using store = new MemoryStore();
  const config = {
    listen: { port: 0 },
    logLevel: "silent",
    features: { forge: { url: "https://forge.example/" } },
  } as const;
  await using node = await createNode({ store, config });
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the test checks
  const call = (method: string, params: object): Promise<any> => node.inject(method, params);
  const made = await call("forge.repo.create", { owner: "ada", name: "engine", description: "an engine" });
  expect(made).toMatchObject({
    ...{ owner: "ada", name: "engine", visibility: "private", defaultBranch: "main", description: "an engine" },
    cloneUrl: "https://forge.example/git/ada/engine.git",
    createdBy: { kind: "local", id: "local" },
  });
  expect(Math.abs(made.createdAt - Date.now())).toBeLessThan(HOUR);
  await expect(call("forge.repo.create", { owner: "ada", name: "engine" })).rejects.toMatchObject({
    code: "FORGE_REPO_EXISTS",
  });
  for (const [field, params] of [
    ["owner", { owner: "..", name: "x" }],
    ["name", { owner: "ada", name: "a/b" }],
    ["name", { owner: "ada", name: "x.git" }],
    ["visibility", { owner: "ada", name: "x", visibility: "secret" }],
    ["defaultBranch", { owner: "ada", name: "x", defaultBranch: "a..b" }],
    ["description", { owner: "ada", name: "x", description: "x".repeat(1025) }],
    ["colour", { owner: "ada", name: "x", colour: "red" }],
  ] as const) {
    await expect(call("forge.repo.create", params)).rejects.toMatchObject({
      code: "INVALID_PARAMS",
      details: { field },
    });
  }
  // Of many who create the same, one does.
  const race = Array.from({ length: 8 }, () =>
    call("forge.repo.create", { owner: "ada", name: "race" }).then(
      () => 1,
      () => 0,
    ),
  );
  expect((await Promise.all(race)).reduce((sum: number, one) => sum + one, 0)).toBe(1);
  for (const name of ["b", "c", "d"]) await call("forge.repo.create", { owner: "bob", name });
  const names: string[] = [];
  let after: string | null | undefined;
  do {
    const page = await call("forge.repo.list", { limit: 2, ...(after ? { after } : {}) });
    names.push(...page.repositories.map((one: { owner: string; name: string }) => `${one.owner}/${one.name}`));
    after = page.cursor;
  } while (after);
  expect(names).toEqual(["ada/engine", "ada/race", "bob/b", "bob/c", "bob/d"]);
  await call("forge.repo.update", { owner: "bob", name: "b", visibility: "public", defaultBranch: "trunk" });
  await expect(call("forge.repo.rename", { owner: "bob", name: "b", to: { name: "c" } })).rejects.toMatchObject({
    code: "FORGE_REPO_EXISTS",
  });
  expect(await call("forge.repo.rename", { owner: "bob", name: "b", to: { name: "z" } })).toMatchObject({
    name: "z",
  });
  await expect(call("forge.repo.get", { owner: "bob", name: "b" })).rejects.toMatchObject({
    code: "FORGE_REPO_NOT_FOUND",
  });
  expect(await call("forge.repo.get", { owner: "bob", name: "z" })).toMatchObject({
    visibility: "public",
    defaultBranch: "trunk",
  });
  const policy = { rules: [{ pattern: "refs/heads/**", force: true, pushers: ["token:abc"] }] };
  expect(await call("forge.policy.set", { owner: "bob", name: "z", policy })).toEqual(policy);
  expect(await call("forge.policy.get", { owner: "bob", name: "z" })).toEqual(policy);
  for (const rule of [
    { pattern: "main" },
    { pattern: "refs/heads/*a*" },
    { pattern: "refs/heads/a", who: 1 },
    { pattern: "refs/heads/a", force: 1 },
  ]) {
    await expect(
      call("forge.policy.set", { owner: "bob", name: "z", policy: { rules: [rule] } }),
    ).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  }
  expect(await call("forge.ref.list", { owner: "bob", name: "z" })).toEqual({ refs: [], cursor: null });
  await call("forge.repo.delete", { owner: "bob", name: "z" });
  await expect(call("forge.repo.get", { owner: "bob", name: "z" })).rejects.toMatchObject({
    code: "FORGE_REPO_NOT_FOUND",
  });
});
