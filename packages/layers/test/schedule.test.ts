import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Schedule, scheduleTimes } from "../src/index.js";

const iso = (times: readonly (number | null)[]): (string | null)[] =>
  times.map((time) => (time === null ? null : new Date(time).toISOString().slice(0, 19)));

function following(schedule: Schedule, after: string, count: number): (string | null)[] {
  const times = scheduleTimes(schedule);
  const found: number[] = [];
  for (let time = times.next(Date.parse(`${after}Z`)); time !== null && found.length < count; time = times.next(time)) {
    found.push(time);
  }
  return iso(found);
}

describe("crontabs", () => {
  test("of five and of six fields, in UTC and in a time zone", () => {
    expect(following({ cron: "30 2 * * 1" }, "2026-01-01T00:00:00", 2)).toEqual([
      "2026-01-05T02:30:00",
      "2026-01-12T02:30:00",
    ]);
    expect(following({ cron: "*/20 * * * * *" }, "2026-01-01T00:00:20", 2)).toEqual([
      "2026-01-01T00:00:40",
      "2026-01-01T00:01:00",
    ]);
    expect(following({ cron: "@daily", timeZone: "Asia/Kolkata" }, "2026-01-01T00:00:00", 1)).toEqual([
      "2026-01-01T18:30:00",
    ]);
  });

  test("a time of day that is left out comes after the gap, and one that occurs twice comes once", () => {
    const schedule = { cron: "30 2 * * *", timeZone: "Europe/Berlin" };
    expect(following(schedule, "2026-03-28T12:00:00", 2)).toEqual(["2026-03-29T01:00:00", "2026-03-30T00:30:00"]);
    expect(following(schedule, "2026-10-24T12:00:00", 2)).toEqual(["2026-10-25T00:30:00", "2026-10-26T01:30:00"]);
  });

  test("each hour comes each hour, also where the clocks change", () => {
    const schedule = { cron: "30 * * * *", timeZone: "Europe/Berlin" };
    expect(following(schedule, "2026-10-25T00:00:00", 3)).toEqual([
      "2026-10-25T00:30:00",
      "2026-10-25T01:30:00",
      "2026-10-25T02:30:00",
    ]);
    expect(following(schedule, "2026-03-29T00:00:00", 2)).toEqual(["2026-03-29T00:30:00", "2026-03-29T01:30:00"]);
  });

  test.each([
    "",
    "* * * *",
    "* * * * * * *",
    "0 0 30 2 *",
    "0 0 31 4,6,9,11 *",
    "61 * * * *",
    "nonsense",
    "@never",
    "2030-01-01T00:00:00",
    `${"0,".repeat(200)}0 * * * *`,
  ])("%p is refused", (cron) => {
    expect(() => scheduleTimes({ cron })).toThrow(expect.objectContaining({ code: "SCHEDULE_INVALID" }));
  });

  test("an unknown time zone is refused", () => {
    const schedule = { cron: "* * * * *", timeZone: "Mars/Base" };
    expect(() => scheduleTimes(schedule)).toThrow(expect.objectContaining({ code: "SCHEDULE_INVALID" }));
  });
});

test.each([0, 99, 1.5, -1000, Number.NaN, Number.POSITIVE_INFINITY])("an interval of %p ms is refused", (everyMs) => {
  expect(() => scheduleTimes({ everyMs })).toThrow(expect.objectContaining({ code: "INVALID_PARAMS" }));
});

test("the latest times are the last of those that come one after another", () => {
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo");
  const cron = fc.constantFrom("*/37 * * * *", "30 2 * * *", "15 1,2,3 * * *", "0 0 * * *", "30 */2 * * 6,0");
  const schedule = fc.oneof(
    fc.record({ cron, timeZone: zone }),
    fc.record({
      everyMs: fc.integer({ min: 600_000, max: 10 ** 8 }),
      anchor: fc.integer({ min: -(10 ** 12), max: 10 ** 12 }),
    }),
  );
  // Days on which the clocks of some of these places changed.
  const day = fc.constantFrom("2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2018-11-03", "2018-02-17");
  const part = fc.record({
    schedule,
    day,
    hours: fc.integer({ min: 1, max: 30 }),
    count: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(part, fc.nat(86_400_000), ({ schedule, day, hours, count }, offset) => {
      const times = scheduleTimes(schedule);
      const after = Date.parse(day) + offset;
      const upTo = after + hours * 3_600_000;
      const all: number[] = [];
      for (let time = times.next(after); time !== null && time <= upTo; time = times.next(time)) all.push(time);
      expect(iso(times.latest(count, after, upTo))).toEqual(iso(all.slice(-count)));
    }),
    { numRuns: 40 },
  );
});
