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
  test.each([["http:api.example.com"], ["http:*"]])("%s is warned of by name", (permission) => {
    expect(manifestWarnings({ permissions: ["kv:read", permission] })).toEqual([
      expect.stringMatching(new RegExp(`^the permission ${permission.replaceAll(/[.*]/g, "\\$&")} allows nothing`)),
    ]);
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
