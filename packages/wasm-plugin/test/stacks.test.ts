import { setTimeout as delay } from "node:timers/promises";
import { SOURCE_MAP_SECTION } from "@aspen/plugin-api";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { WasmPluginHandler } from "../src/index.js";
import { StackMapper } from "../src/stacks/stack-mapper.js";
import { Bench, call, compileFixture, failure, type LogLine } from "./support.js";
import { withCustomSection } from "./wasm-sections.js";

const TYPESCRIPT = /src\/plugin\.ts:\d+:\d+/;

async function lines(bench: Bench, count: number): Promise<LogLine[]> {
  while (bench.logs.length < count) await delay(5);
  return bench.logs.splice(0);
}

describe("what an error says beside its message is in the log", () => {
  const bench = new Bench();
  let plugin: WasmPluginHandler;
  beforeAll(async () => {
    plugin = await bench.fixture("failing");
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  async function logged(method: string, params?: unknown) {
    bench.logs.length = 0;
    const error = await failure(call(plugin, `failing.${method}`, params));
    const [line] = await lines(bench, 1);
    return { error, line: line!, fields: line!.fields as { stack?: string; causes?: string } };
  }

  test("its cause and the cause of that, with the lines of the TypeScript", async () => {
    const { error, line, fields } = await logged("cause");
    expect(error).toMatchObject({ code: "PLUGIN_TRAP", message: expect.stringContaining("outer") });
    expect(error.message).not.toContain("inner");
    expect(line).toMatchObject({ level: "error", fields: { method: "failing.cause", code: "PLUGIN_TRAP" } });
    expect(fields.stack).toMatch(TYPESCRIPT);
    expect(fields.causes).toMatch(/\[cause\]: TypeError: inner\n.*src\/plugin\.ts:\d+/s);
    expect(fields.causes).toContain('[cause]: "innermost"');
    expect(fields.causes).not.toContain("plugin.js");
  });

  test("also when the error has a code, which by itself is no news", async () => {
    const { error, line, fields } = await logged("codedCause");
    expect(error).toMatchObject({ code: "INVALID_PARAMS", message: "bad name" });
    expect(line).toMatchObject({ level: "info", message: "bad name" });
    expect(fields.causes).toMatch(/hidden reason/);
  });

  test("the errors inside an AggregateError", async () => {
    const { fields } = await logged("aggregate");
    expect(fields.causes).toMatch(/\[error 1\]: Error: first/);
    expect(fields.causes).toMatch(/\[error 2\]: RangeError: second/);
  });

  test("the two errors inside a SuppressedError", async () => {
    const { fields } = await logged("suppressed");
    expect(fields.causes).toMatch(/\[error 1\]: Error: thrown last/);
    expect(fields.causes).toMatch(/\[error 2\]: RangeError: hidden by it/);
  });

  test("an error inside a thrown object", async () => {
    const { message } = await failure(call(plugin, "failing.around"));
    expect(message).toContain('{"reason":"TypeError: the real one","big":"1"}');
  });

  test("details that JSON refuses are written as text", async () => {
    expect(await failure(call(plugin, "failing.oddDetails"))).toMatchObject({
      code: "ODD",
      details: { big: "1", list: [2], self: "[circular]" },
    });
  });

  test.each<[string, RegExp]>([
    ["circle", /circle/],
    ["getters", /Error/],
    ["proxy", /cannot be read/],
    ["huge", /yyy/],
  ])("%s: a hostile error is bounded and still told", async (method, message) => {
    const { error, line } = await logged(method);
    expect(error.code).toBe("PLUGIN_TRAP");
    expect(error.message).toMatch(message);
    expect(error.message.length).toBeLessThan(5000);
    expect(JSON.stringify(line).length).toBeLessThan(14_000);
    expect(await call(plugin, "failing.echo", 1)).toBe(1);
  });

  test("a thrown object gives its code, message and details", async () => {
    const thrown = { code: "INVALID_PARAMS", message: "name is missing", details: { field: "name" } };
    expect(await failure(call(plugin, "failing.plain", thrown))).toMatchObject(thrown);
    for (const [params, code, message] of [
      [{ message: "no code" }, "PLUGIN_TRAP", "no code"],
      [{ code: "no-code", message: "a bad code" }, "PLUGIN_TRAP", "a bad code"],
      [{ code: 7, reason: "other" }, "PLUGIN_TRAP", '"reason":"other"'],
      ["text", "PLUGIN_TRAP", '"text"'],
      [7, "PLUGIN_TRAP", "7"],
    ] as const) {
      const error = await failure(call(plugin, "failing.plain", params));
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    }
  });

  test("errors that are logged have their causes and the lines of the TypeScript, in order, under the request", async () => {
    bench.logs.length = 0;
    const context = { requestId: 'odd "id" \u00e9', caller: LOCAL_CALLER, signal: new AbortController().signal };
    await plugin.handle({ method: "failing.logs", params: { marks: 3 } }, context);
    const found = await lines(bench, 9);
    expect(found.map(({ message }) => message.split("\n")[0])).toEqual(
      [0, 1, 2].flatMap((mark) => [`mark ${mark}`, "it failed", "Error: caught"]),
    );
    for (const line of found) {
      expect(line.requestId).toBe(context.requestId);
      expect(JSON.stringify(line)).not.toContain("plugin.js");
    }
    expect(found[1]).toMatchObject({
      level: "error",
      fields: {
        mark: 0,
        error: {
          name: "Error",
          message: "caught",
          stack: expect.stringMatching(TYPESCRIPT),
          cause: { message: "below", stack: expect.stringMatching(TYPESCRIPT) },
        },
      },
    });
    expect(found[2]!.message).toMatch(TYPESCRIPT);
    expect(found[2]!.message).toContain("[cause]: Error: below");
  });

  test("a start that fails leaves its stack and causes", async () => {
    bench.logs.length = 0;
    const error = await failure(bench.fixture("failing", {}, { failStart: true }));
    expect(error.message).toContain("no start");
    const [line] = await lines(bench, 1);
    expect(line!.fields).toMatchObject({
      stack: expect.stringMatching(TYPESCRIPT),
      causes: expect.stringContaining("the reason"),
    });
  });
});

const section = (map: object) => ({
  version: 3,
  sections: Array.from({ length: 60 }, () => ({ offset: { line: 0, column: 0 }, map })),
});

describe("a source map that is bad", () => {
  test.each<[string, string]>([
    ["a length in place of a list", '{"version":3,"sources":{"length":50000000},"mappings":"A"}'],
    ["sections of such", JSON.stringify(section({ version: 3, sources: { length: 5_000_000 }, mappings: "A" }))],
    ["millions of mappings", JSON.stringify({ version: 3, sources: ["a"], mappings: "A,".repeat(5_000_000) })],
    ["nested lists", `{"version":3,"sources":${"[".repeat(1_000_000)}`],
    ["no JSON", "\0"],
  ])("%s: the plugin runs, its stacks stay as they are, with one warning", async (_what, json) => {
    await using bench = new Bench();
    const { manifest, wasm } = await compileFixture("failing");
    const plugin = await bench.load(manifest, withCustomSection(wasm, SOURCE_MAP_SECTION, Buffer.from(json)));
    expect(await call(plugin, "failing.echo", 1)).toBe(1);
    for (let round = 0; round < 3; round++) await failure(call(plugin, "failing.cause"));
    const found = await lines(bench, 4);
    expect(found.map(({ level }) => level).sort()).toEqual(["error", "error", "error", "warn"]);
    const warning = found.find(({ level }) => level === "warn")!;
    expect(warning.message).toContain("source map cannot be used");
    for (const { fields } of found.filter(({ level }) => level === "error")) {
      expect(fields?.stack).toMatch(/plugin\.js:\d+:\d+/);
    }
  });
});

describe("the thread that reads source maps", () => {
  test("runs only while it is needed, and ends with its owner", async () => {
    const mapper = new StackMapper();
    expect(mapper.active).toBe(false);
    const module = await WebAssembly.compile((await compileFixture("failing")).wasm as BufferSource);
    const request = { key: mapper.nextKey(), module, texts: ["plugin.js:1:1"], mostCharacters: 1000 };
    const answers = await Promise.all([mapper.map(request), mapper.map(request)]);
    for (const answer of answers) expect(answer).toEqual({ texts: [expect.any(String)] });
    expect(mapper.active).toBe(true);
    const late = mapper.map(request);
    await mapper[Symbol.asyncDispose]();
    expect(await late).toBeNull();
    expect(await mapper.map(request)).toBeNull();
    expect(mapper.active).toBe(false);
  });

  test("answers at once what is too much to wait", async () => {
    await using mapper = new StackMapper();
    const module = await WebAssembly.compile((await compileFixture("failing")).wasm as BufferSource);
    const request = { key: mapper.nextKey(), module, texts: ["plugin.js:1:1"], mostCharacters: 1000 };
    const answers = await Promise.all(Array.from({ length: 100 }, () => mapper.map(request)));
    expect(answers.filter((answer) => answer === null)).toHaveLength(35);
  });
});
