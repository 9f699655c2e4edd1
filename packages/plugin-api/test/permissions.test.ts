import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  AspenError,
  encodeUtf8,
  type HostFunctionSpec,
  isPermission,
  isPermitted,
  PARAMETERISED_PERMISSIONS,
  type PermissionFamily,
  permissionCovers,
  permissionLabel,
  requiredPermission,
  SIMPLE_PERMISSIONS,
  unusedPermissions,
} from "../src/index.js";

test.each([
  ["kv:read", true],
  ["rpc:call:forge.*", true],
  ["rpc:call:forge.repo.create", true],
  ["rpc:call:*", true],
  ["jobs:submit:ci-vm", true],
  ["http:api.example.com", true],
  ["http:*.example.com", true],
  ["http:localhost:8080", true],
  ["http:*:*", true],
  ["http:10.1.2.3:8080", true],
  ["http:[fd00::1]", true],
  ["http:[fd00::1]:8080", true],
  ["http:[fd00::1", false],
  ["http:[]", false],
  ["http:fd00::1", false],
  ["jobs:submit:", false],
  ["rpc:call:forge*", false],
  ["rpc:call:*.create", false],
  ["rpc:call:.*", false],
  ["rpc:call:forge..create", false],
  [`rpc:call:${"a".repeat(129)}`, false],
  ["http:api.*.com", false],
  ["http:*example.com", false],
  ["http:example.com:", false],
  ["http:https://example.com", false],
  ["kv", false],
  ["kv:read:x", false],
  ["http:a b", false],
  ["", false],
])("%j is a permission: %j", (value, known) => {
  expect(isPermission(value)).toBe(known);
});

describe("a permission that was granted", () => {
  test.each([
    ["kv:read", "kv:read", true],
    ["kv:read", "kv:write", false],
    ["rpc:call:forge.*", "rpc:call:forge.repo.create", true],
    ["rpc:call:forge.*", "rpc:call:forge.repo.*", true],
    ["rpc:call:forge.*", "rpc:call:forge", false],
    ["rpc:call:forge.*", "rpc:call:forgery.create", false],
    ["rpc:call:forge.repo.*", "rpc:call:forge.*", false],
    ["rpc:call:*", "rpc:call:kv.get", true],
    ["rpc:call:*", "jobs:submit:shell", false],
    ["jobs:submit:shell", "jobs:submit:shell", true],
    ["jobs:submit:shell", "jobs:submit:shell.root", false],
    ["http:api.example.com", "http:API.example.com", true],
    ["http:*.example.com", "http:api.example.com", true],
    ["http:*.example.com", "http:a.b.example.com", true],
    ["http:*.example.com", "http:example.com", false],
    ["http:*.example.com", "http:badexample.com", false],
    ["http:*.example.com", "http:example.com.evil.net", false],
    ["http:example.com", "http:example.com:8080", false],
    ["http:example.com:*", "http:example.com:8080", true],
    ["http:example.com:*", "http:example.com", true],
    ["http:*", "http:anything.net", true],
    ["http:*", "http:anything.net:22", false],
    ["http:*:*", "http:anything.net:22", true],
    ["http:[FD00::1]", "http:[fd00::1]", true],
    ["http:[fd00::1]", "http:[fd00::1]:8080", false],
    ["http:[fd00::1]:*", "http:[fd00::1]:8080", true],
    ["http:*:*", "http:[fd00::1]:8080", true],
    ["rpc:call:forge.*", "kv:read", false],
  ])("%s covers %s: %j", (granted, needed, covers) => {
    expect(permissionCovers(granted, needed)).toBe(covers);
    expect(isPermitted(["timers", granted], needed)).toBe(covers);
  });

  const names = fc
    .array(fc.constantFrom("a", "ab", "b"), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join("."));
  const methods = names.chain((name) => fc.constantFrom(name, `${name}.*`, "*"));
  const hosts = fc
    .tuple(names, fc.constantFrom("", "*."), fc.constantFrom("", ":1", ":2", ":*"), fc.boolean())
    .map(([name, wild, port, any]) => (any ? `*${port}` : `${wild}${name}${port}`));
  const permissions = fc.oneof(
    fc.constantFrom(...SIMPLE_PERMISSIONS),
    fc.tuple(fc.constantFrom("rpc:call:", "jobs:submit:"), methods).map((parts) => parts.join("")),
    hosts.map((host) => `http:${host}`),
  );

  test("covers itself, and all that is covered by what it covers", () => {
    fc.assert(
      fc.property(permissions, permissions, permissions, (a, b, c) => {
        expect([a, b, c].every(isPermission)).toBe(true);
        expect(permissionCovers(a, a)).toBe(true);
        if (permissionCovers(a, b) && permissionCovers(b, c)) expect(permissionCovers(a, c)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("covers nothing of another family, and no wider pattern", () => {
    fc.assert(
      fc.property(permissions, permissions, (a, b) => {
        if (!permissionCovers(a, b)) return;
        const family = PARAMETERISED_PERMISSIONS.find((start) => a.startsWith(start)) ?? a;
        expect(b.startsWith(family)).toBe(true);
        if (!a.includes("*")) expect(b).toBe(a);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a host function whose permission depends on its arguments", () => {
  const call: HostFunctionSpec = {
    name: "rpc_call",
    parameters: [{ name: "method", kind: "string" }],
    result: "json",
    permission: {
      family: "rpc:call:",
      argument: "method",
      of: ([method]) => new TextDecoder().decode(method ?? undefined),
    },
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "Calls another method.",
  };

  test("needs the one of this call", () => {
    expect(requiredPermission(call, [encodeUtf8("forge.repo.create")])).toBe("rpc:call:forge.repo.create");
    expect(permissionLabel(call.permission)).toBe("rpc:call:<method>");
    expect(requiredPermission({ name: "kv_get", permission: "kv:read" }, [])).toBe("kv:read");
    expect(requiredPermission({ name: "clock_now", permission: null }, [])).toBeNull();
  });

  test("takes no pattern for a name, however it is granted", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom("forge.*", "*", "", "a..b", "a".repeat(129))), (method) => {
        let needed: string | null;
        try {
          needed = requiredPermission(call, [encodeUtf8(method)]);
        } catch (error) {
          expect((error as AspenError).code).toBe("INVALID_PARAMS");
          return;
        }
        expect(needed).toBe(`rpc:call:${method}`);
        expect(needed).not.toContain("*");
      }),
    );
    expect(() => requiredPermission(call, [encodeUtf8("forge.*")])).toThrow(AspenError);
    expect(() => requiredPermission(call, [])).toThrow(AspenError);
  });

  test("gives every permission of its family a use", () => {
    const family: PermissionFamily = "rpc:call:";
    const asked = [`${family}forge.*`, "http:example.com", "timers"];
    expect(unusedPermissions(asked)).toEqual([]);
    expect(unusedPermissions(asked, [])).toEqual(asked);
    expect(unusedPermissions(asked, [call])).toEqual(["http:example.com", "timers"]);
  });
});
