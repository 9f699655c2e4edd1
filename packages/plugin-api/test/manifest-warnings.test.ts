import { describe, expect, test } from "@jest/globals";
import {
  HOST_FUNCTIONS,
  manifestWarnings,
  PARAMETERISED_PERMISSIONS,
  permissionLabel,
  SIMPLE_PERMISSIONS,
  unusedPermissions,
} from "../src/index.js";

describe("a permission behind which there is nothing", () => {
  test("is warned of by name: to subscribe without subscriptions", () => {
    const permissions = ["kv:read", "hooks:subscribe", "http:api.example.com"];
    expect(manifestWarnings({ permissions })).toEqual([
      expect.stringMatching(/^the permission hooks:subscribe allows nothing/),
    ]);
    expect(manifestWarnings({ permissions, subscriptions: [{ topic: "a" }] })).toEqual([]);
    expect(manifestWarnings({ permissions: ["kv:read"] })).toEqual([]);
  });

  test("is exactly one that no host function names, nor the manifest's subscriptions need", () => {
    const all: string[] = [...SIMPLE_PERMISSIONS, ...PARAMETERISED_PERMISSIONS.map((family): string => `${family}x`)];
    const labels = HOST_FUNCTIONS.flatMap(({ permission }) => permissionLabel(permission) ?? []);
    const named = all.filter((permission) => labels.some((label) => label.replace(/<.*/, "x") === permission));
    const used = [...named, "hooks:subscribe"];
    expect(used).not.toEqual([]);
    expect(unusedPermissions(all)).toEqual(all.filter((permission) => !used.includes(permission)));
    expect(unusedPermissions(used)).toEqual([]);
  });
});
