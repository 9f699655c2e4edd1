import type { Logger } from "@aspen/plugin-api";
import fc from "fast-check";
import { LOG_LEVELS, type LogLevel, PluginLogs, type PluginLogsOptions } from "../src/index.js";

const nothing = () => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function logs(more: Partial<PluginLogsOptions> = {}) {
  let now = 0;
  const all = new PluginLogs({ nodeId: "n-1", clock: { now: () => ++now }, ...more });
  const log = all.beside(silent);
  const say = (message: string, level: LogLevel = "info", plugin = "p") => log[level]({ plugin }, message);
  const messages = (options: Parameters<PluginLogs["read"]>[1] = {}) =>
    all.read("p", options).lines.map(({ message }) => message);
  return { all, log, say, messages };
}

it("keeps what names a plugin, whatever the logger does with it", () => {
  const passed: unknown[] = [];
  const { all } = logs();
  const log = all.beside({ ...silent, warn: (fields, message) => void passed.push([fields, message]) });
  const err = Object.assign(new Error("broken"), { code: "PLUGIN_TRAP" });
  log.warn({ plugin: "p", requestId: "r", fields: { a: 1 }, version: "1.0.0", err }, "told");
  log.warn({}, "of no plugin");
  log.debug({ plugin: "p" }, "small");
  expect(passed).toHaveLength(2);
  expect(all.read("p")).toEqual({
    node: "n-1",
    lines: [
      {
        ...{ at: 1, level: "warn", message: "told", requestId: "r" },
        fields: { version: "1.0.0", error: { code: "PLUGIN_TRAP", message: "broken" }, a: 1 },
      },
      { at: 2, level: "debug", message: "small" },
    ],
    cursor: "n-1:2",
    dropped: 0,
  });
  expect(all.has("p")).toBe(true);
  expect(all.has("other")).toBe(false);
  expect(all.read("other")).toEqual({ node: "n-1", lines: [], cursor: "n-1:0", dropped: 0 });
});

it("gives the last lines, and then those behind the cursor", () => {
  const { all, say, messages } = logs();
  for (let i = 1; i <= 5; i += 1) say(String(i), i % 2 ? "info" : "error");
  expect(messages({ limit: 2 })).toEqual(["4", "5"]);
  expect(messages({ level: "warn" })).toEqual(["2", "4"]);
  const { cursor } = all.read("p", { level: "error", limit: 1 });
  expect(messages({ after: cursor })).toEqual([]);
  say("6");
  say("7", "error");
  const page = all.read("p", { after: cursor, limit: 1 });
  expect(page.lines).toMatchObject([{ message: "6" }]);
  expect(messages({ after: page.cursor })).toEqual(["7"]);
});

it("counts what it dropped to make room", () => {
  const { all, say, messages } = logs({ maxLines: 3 });
  say("1");
  const { cursor } = all.read("p");
  for (let i = 2; i <= 6; i += 1) say(String(i));
  expect(messages()).toEqual(["4", "5", "6"]);
  expect(all.read("p")).toMatchObject({ dropped: 3 });
  expect(all.read("p", { after: cursor })).toMatchObject({ dropped: 2, lines: [{ message: "4" }, {}, {}] });
  // A line that is larger than all that may be kept goes like one that made room.
  const small = logs({ maxBytes: 1000 });
  small.say("x".repeat(5000));
  small.say("after");
  expect(small.all.read("p")).toMatchObject({ dropped: 1, lines: [{ message: "after" }] });
});

it("takes the cursor of another start for that of a stranger", () => {
  const { all, say, messages } = logs();
  say("1");
  expect(messages({ after: "n-0:99" })).toEqual(["1"]);
  expect(messages({ after: "n-1:99" })).toEqual(["1"]);
  for (const after of ["", "1", "n-1:", "n-1:1.5", "n-1:-1", `n-1:${"9".repeat(16)}`, "a b:1"]) {
    expect(() => all.read("p", { after })).toThrow(expect.objectContaining({ code: "INVALID_PARAMS" }));
  }
});

it("bounds messages, fields and the number of plugins", () => {
  const { all, log, say } = logs();
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  log.info({ plugin: "p", fields: { text: "x".repeat(20_000) } }, "y".repeat(20_000));
  log.info({ plugin: "p", fields: circle }, "circle");
  const [large, circular] = all.read("p").lines;
  expect(large!.message.length).toBeLessThan(9000);
  expect(large!.fields).toEqual({ omitted: expect.stringMatching(/^fields of \d+ bytes/) });
  expect(circular!.fields).toEqual({ omitted: "fields that are no JSON" });
  for (let i = 0; i < 63; i += 1) say("hello", "info", `plugin-${i}`);
  expect(all.has("p")).toBe(true);
  say("hello", "info", "one-more");
  expect(all.has("p")).toBe(false);
  expect(all.has("plugin-0")).toBe(true);
});

it("gives a follower every line that is kept, once and in order, and counts the others", () => {
  const level = fc.constantFrom(...LOG_LEVELS);
  const step = fc.oneof(
    fc.record({ do: fc.constant("say" as const), level, size: fc.nat({ max: 200 }) }),
    fc.record({ do: fc.constant("read" as const), limit: fc.integer({ min: 1, max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 10 }), (steps, maxLines) => {
      const { all, say } = logs({ maxLines, maxBytes: 2000 });
      let { cursor } = all.read("p");
      let said = 0;
      let seen = 0;
      const read = (limit: number) => {
        const page = all.read("p", { after: cursor, limit });
        expect(page.lines.length).toBeLessThanOrEqual(limit);
        seen += page.dropped;
        for (const { message } of page.lines) {
          seen += 1;
          expect(message.split(" ")[0]).toBe(String(seen));
        }
        cursor = page.cursor;
        return page.lines.length;
      };
      for (const it of steps) {
        if (it.do === "read") read(it.limit);
        else {
          said += 1;
          say(`${said} ${"x".repeat(it.size)}`, it.level);
        }
      }
      while (read(3) > 0);
      expect(seen).toBe(said);
    }),
  );
});
