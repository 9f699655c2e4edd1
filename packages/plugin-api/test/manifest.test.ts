import { readFileSync } from "node:fs";
import {
  type AspenError,
  artifactsOf,
  isTopicPattern,
  LIMITS,
  manifestJsonSchema,
  NODE_PREFIXES,
  parseManifest,
  topicMatches,
} from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";

const MINIMAL = { name: "echo", version: "1.0.0", api_version: "1", handles: ["echo.say"] };

function refusal(input: unknown): AspenError {
  try {
    parseManifest(input);
  } catch (error) {
    return error as AspenError;
  }
  throw new Error("the manifest was accepted");
}

describe("parseManifest", () => {
  test("fills in every default", () => {
    expect(parseManifest(MINIMAL)).toEqual({
      ...MINIMAL,
      entry: { kind: "wasm", source: "src/plugin.ts", wasm: "plugin.wasm" },
      priority: LIMITS.pluginPriorityDefault,
      kv_prefixes: [],
      permissions: [],
      memory_limit: LIMITS.memoryDefault,
      execution_timeout_ms: LIMITS.timeoutDefaultMs,
      max_instances: LIMITS.instancesDefault,
      isolation: "instance",
      timers: [],
      subscriptions: [],
      dependencies: [],
      tags: [],
    });
  });

  test("accepts a manifest in full", () => {
    const full = {
      $schema: "./plugin.schema.json",
      name: "outsider",
      version: "1.2.3",
      api_version: "1",
      entry: { kind: "wasm", source: "src/main.ts", wasm: "out/plugin.wasm" },
      wasm_hash: "0".repeat(64),
      handles: ["outsider.*", "outsider.repo.create"],
      priority: 930,
      kv_prefixes: ["outsider:", "__plugin:outsider:a/"],
      permissions: [
        "kv:read",
        "kv:write",
        "timers",
        "hooks:subscribe",
        "rpc:call:forge.*",
        "jobs:submit:shell",
        "http:api.example.com",
      ],
      memory_limit: 67108864,
      execution_timeout_ms: 300,
      max_instances: 2,
      isolation: "call",
      timers: [
        {
          name: "sweep",
          cron: "0 3 * * *",
          time_zone: "Europe/Berlin",
          payload: { n: [1] },
          catch_up: 0,
          jitter_ms: 5,
        },
        { name: "often", every_ms: 1000 },
      ],
      subscriptions: [{ topic: "note.*.>", recursive: true }],
      dependencies: [{ name: "echo", version: "^1.0.0", optional: true }],
      description: "one sentence",
      author: "someone",
      tags: ["a"],
    };
    expect(parseManifest(full)).toEqual(full);
  });

  test.each<[string, unknown, string]>([
    ["name", "Echo", "lower-case"],
    ["name", "a".repeat(65), "1 to 64"],
    ["version", "1.0", "semver version"],
    ["version", 1, "string"],
    ["api_version", "", ">=1"],
    ["entry.wasm", { wasm: "../../etc/passwd" }, "inside the plugin's folder"],
    ["entry.source", { source: "/etc/passwd" }, "inside the plugin's folder"],
    ["entry.source", { source: "C:\\x" }, "inside the plugin's folder"],
    ["entry.other", { other: 1 }, "not a field"],
    ["entry.kind", { kind: "shell" }, '"wasm", "native" or "ipc"'],
    ["entry.wasm", { kind: "native", module: "a.js", wasm: "a.wasm" }, "not a field"],
    ["entry.module", { kind: "native", module: "../a.js" }, "inside the plugin's folder"],
    ["entry.command", { kind: "ipc" }, "string"],
    ["entry.platforms[0]", { kind: "ipc", command: "a", platforms: ["linux"] }, "linux-x64"],
    ["wasm_hash", "AB", "64 lower-case"],
    ["handles", [], ">=1"],
    ["handles[0]", ["*"], "dotted method name"],
    ["handles[1]", ["echo.say", "echo..say"], "dotted method name"],
    ["handles[0]", [`a${"b".repeat(128)}`], "<=128"],
    ["priority", 899, ">=900"],
    ["priority", 1000, "<=999"],
    ["priority", 950.5, "int"],
    ["kv_prefixes[0]", ["echo"], "separator"],
    ["kv_prefixes[0]", ["\ud800:"], "well-formed"],
    ["kv_prefixes[0]", [`${"é".repeat(128)}:`], "256 bytes"],
    ["permissions[0]", ["kv:admin"], "permission"],
    ["permissions[0]", ["http:"], "permission"],
    ["memory_limit", LIMITS.memoryMin - 1, ">="],
    ["memory_limit", LIMITS.memoryMax + 1, "<="],
    ["execution_timeout_ms", 0, ">=1"],
    ["execution_timeout_ms", Number.POSITIVE_INFINITY, "number"],
    ["max_instances", 65, "<=64"],
    ["isolation", "none", "instance"],
    ["dependencies[0].name", [{ name: "A" }], "lower-case"],
    ["dependencies[0].version", [{ name: "a", version: "newest" }], "semver range"],
    ["dependencies[0].extra", [{ name: "a", extra: 1 }], "not a field"],
    ["description", "é".repeat(513), "1024 bytes"],
    ["tags[0]", [""], ">=1"],
    ["nonsense", 1, "not a field"],
  ])("refuses a broken %s and names the rule (%j)", (field, value, rule) => {
    const top = field.split(/[.[]/)[0]!;
    const error = refusal({ ...MINIMAL, [top]: value });
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.details?.problems).toEqual([{ field, rule: expect.stringContaining(rule) }]);
    expect(error.message).toContain(`${field}: `);
  });

  test.each<[string, object, object]>([
    ["wasm, when it has no kind", { source: "a.ts" }, { kind: "wasm", source: "a.ts", wasm: "plugin.wasm" }],
    ["native", { kind: "native", module: "a.js" }, { kind: "native", module: "a.js" }],
    ["ipc", { kind: "ipc", command: "bin/a" }, { kind: "ipc", command: "bin/a", args: [], platforms: [] }],
  ])("an entry is %s", (_kind, entry, expected) => {
    expect(parseManifest({ ...MINIMAL, entry }).entry).toEqual(expected);
  });

  test("names as artifacts what the entry cannot do without", () => {
    const artifacts = (fields: object) => artifactsOf(parseManifest({ ...MINIMAL, ...fields }));
    expect(artifacts({})).toEqual([{ name: "plugin.wasm" }]);
    expect(artifacts({ wasm_hash: "0".repeat(64) })).toEqual([{ name: "plugin.wasm", hash: "0".repeat(64) }]);
    expect(artifacts({ entry: { kind: "ipc", command: "bin/a" } })).toEqual([{ name: "bin/a" }]);
    expect(artifacts({ entry: { kind: "native", module: "a.js" } })).toEqual([]);
  });

  test("refuses the hash of a wasm file where there is none", () => {
    const entry = { kind: "native", module: "a.js" };
    const { details } = refusal({ ...MINIMAL, entry, wasm_hash: "0".repeat(64) });
    expect(details?.problems).toEqual([{ field: "wasm_hash", rule: expect.stringContaining("native") }]);
  });

  test("an official plugin may have its own reserved prefixes and come before the others, and no more", () => {
    const official = { reservedPrefixes: ["forge:"] };
    const fields = { ...MINIMAL, priority: 500, kv_prefixes: ["forge:", "forge:repos:"] };
    expect(parseManifest(fields, { official })).toMatchObject({ priority: 500, kv_prefixes: fields.kv_prefixes });
    expect(() => parseManifest({ ...fields, priority: 499 }, { official })).toThrow(/priority/);
    for (const prefix of ["__hooks:", ...NODE_PREFIXES, "__sys:forge:", "__jobs:forge:"]) {
      expect(() => parseManifest({ ...fields, kv_prefixes: [prefix] }, { official })).toThrow(/reserved/);
    }
  });

  test.each([[null], [[]], ["{}"], [7], [undefined]])("refuses %j, which is no object", (input) => {
    expect(refusal(input)).toMatchObject({ code: "MANIFEST_INVALID", details: { problems: [{ field: "(root)" }] } });
  });

  test("names every missing field at once", () => {
    const problems = refusal({}).details?.problems as { field: string }[];
    expect(problems.map(({ field }) => field).sort()).toEqual(["api_version", "handles", "name", "version"]);
  });

  test("keeps its answer short, however much is broken", () => {
    const error = refusal({ ...MINIMAL, handles: Array.from({ length: 5000 }, () => "*"), ["x".repeat(100_000)]: 1 });
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(JSON.stringify(error).length).toBeLessThan(20_000);
  });

  test("a field named __proto__ is refused like any other unknown one", () => {
    const input = JSON.parse(`{"__proto__": {"priority": 950}, ${JSON.stringify(MINIMAL).slice(1)}`);
    expect(refusal(input).details?.problems).toEqual([{ field: "__proto__", rule: "is not a field of the manifest" }]);
  });

  test("names both API versions, also when the manifest uses fields of the other", () => {
    const error = refusal({ ...MINIMAL, api_version: "2", new_field: true });
    expect(error).toMatchObject({ code: "API_VERSION_UNSUPPORTED", details: { asked: "2", served: ["1"] } });
    expect(error.message).toContain("asks for API version 2; this node serves 1");
  });

  test.each([
    ["forge:"],
    ["forge:mine:"],
    ["__sys:"],
    ["__beats:"],
    ["__jobs:job:"],
    ["__jobs-signal:"],
    ["__hooks:x/"],
    ["__service:"],
    ["__plugin:other:"],
    ["__plugin:"],
  ])("refuses the prefix %j, which belongs to another", (prefix) => {
    const error = refusal({ ...MINIMAL, kv_prefixes: [prefix] });
    expect(error.code).toBe("PLUGIN_PREFIX_CONFLICT");
    expect(error.message).toContain(JSON.stringify(prefix));
  });
});

test("plugin.schema.json is what the schema says", () => {
  const file = JSON.parse(readFileSync(new URL("../plugin.schema.json", import.meta.url), "utf8"));
  expect(file).toEqual(manifestJsonSchema());
});

describe("timers and subscriptions of a manifest", () => {
  const asks = (change: object) => ({ ...MINIMAL, permissions: ["timers", "hooks:subscribe"], ...change });
  const timer = { name: "t", every_ms: 1000 };
  const topics = (topic: string) => ({ subscriptions: [{ topic }] });

  test.each<[string, object, RegExp]>([
    ["timers without the permission", { timers: [timer], permissions: [] }, /timers: needs the permission/],
    ["no schedule", { timers: [{ name: "t" }] }, /either every_ms or cron/],
    ["two schedules", { timers: [{ ...timer, cron: "* * * * *" }] }, /either every_ms or cron/],
    ["a zone without a cron", { timers: [{ ...timer, time_zone: "UTC" }] }, /time_zone without a cron/],
    ["an interval that is too short", { timers: [{ ...timer, every_ms: 999 }] }, /every_ms/],
    ["a name twice", { timers: [timer, timer] }, /names a timer twice/],
    ["a name that is none", { timers: [{ ...timer, name: "a/b" }] }, /letters, digits/],
    ["a large payload", { timers: [{ ...timer, payload: "x".repeat(LIMITS.timerPayloadBytes) }] }, /4096 bytes/],
    ["too many timers", { timers: Array.from({ length: 17 }, (_, n) => ({ ...timer, name: `t${n}` })) }, /timers/],
    ["subscriptions without the permission", { ...topics("a"), permissions: [] }, /needs the permission/],
    ["no whole namespace", { ...topics("a"), kv_prefixes: ["app:a:"] }, /whole namespace/],
    ["too many subscriptions", { subscriptions: Array.from({ length: 17 }, () => ({ topic: "a" })) }, /subscriptions/],
    ...["", "a.", ".a", "a..b", "a.>.b", "a.b*", "a b", "é", "x".repeat(256)].map((topic): [string, object, RegExp] => [
      `the topic ${JSON.stringify(topic.slice(0, 8))}`,
      topics(topic),
      /must be a topic/,
    ]),
  ])("%s is refused", (_why, change, told) => {
    expect(refusal(asks(change))).toMatchObject({ code: "MANIFEST_INVALID", message: expect.stringMatching(told) });
  });

  test("ends of jobs are told to a plugin without a whole namespace", () => {
    const permissions = ["hooks:subscribe", "jobs:submit:mail.send"];
    const manifest = parseManifest(asks({ ...topics("job.*"), permissions, kv_prefixes: ["app:a:"] }));
    expect(manifest.subscriptions).toHaveLength(1);
  });

  test.each([
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a.b", "a", false],
    ["a", "a.b", false],
    ["a.*", "a.b", true],
    ["a.*", "a", false],
    ["a.*", "a.b.c", false],
    ["*.b", "a.b", true],
    ["a.>", "a.b.c", true],
    ["a.>", "a.b", true],
    ["a.>", "a", false],
    [">", "a", true],
    ["*", "a.b", false],
  ])("%s and %s: %s", (pattern, topic, matches) => {
    expect(isTopicPattern(pattern)).toBe(true);
    expect(topicMatches(pattern, topic)).toBe(matches);
  });
});
