import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { every } from "../src/every.js";

function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const unexpected = (error: unknown) => {
  throw error;
};

test("runs again and again, and never two runs at once", async () => {
  const seen = { runs: 0, atOnce: 0, most: 0 };
  const three = gate();
  await using _loop = every(
    1,
    async () => {
      seen.atOnce += 1;
      seen.most = Math.max(seen.most, seen.atOnce);
      await delay(5);
      seen.atOnce -= 1;
      seen.runs += 1;
      if (seen.runs === 3) three.open();
    },
    { onError: unexpected },
  );
  await three.opened;
  expect(seen.most).toBe(1);
});

test("goes on after a run that failed, and tells what it failed with", async () => {
  const errors: unknown[] = [];
  const third = gate();
  let runs = 0;
  await using _loop = every(
    1,
    () => {
      runs += 1;
      if (runs === 3) third.open();
      else throw new Error(`run ${runs}`);
    },
    { onError: (error) => errors.push(error) },
  );
  await third.opened;
  expect(errors).toEqual([new Error("run 1"), new Error("run 2")]);
});

test("asynchronous disposal aborts the run under way, waits for it, and no other run follows", async () => {
  const started = gate();
  const finish = gate();
  const told: string[] = [];
  const loop = every(
    1,
    async (signal) => {
      signal.addEventListener("abort", () => told.push("aborted"));
      started.open();
      await finish.opened;
      told.push("finished");
    },
    { onError: unexpected },
  );
  await started.opened;
  const disposed = loop[Symbol.asyncDispose]().then(() => told.push("disposed"));
  await delay(5);
  expect(told).toEqual(["aborted"]);
  finish.open();
  await disposed;
  await delay(20);
  expect(told).toEqual(["aborted", "finished", "disposed"]);
});

test("ends with its signal, also one that was aborted before", async () => {
  let runs = 0;
  const controller = new AbortController();
  const first = gate();
  every(
    1,
    () => {
      runs += 1;
      controller.abort();
      first.open();
    },
    { signal: controller.signal, onError: unexpected },
  );
  await first.opened;
  every(1, () => (runs += 1), { signal: controller.signal, onError: unexpected });
  await delay(20);
  expect(runs).toBe(1);
});

test("soon brings the next run forward and never puts it off", async () => {
  const ran = gate();
  using loop = every(2 ** 31 - 1, () => ran.open(), { unref: false, onError: unexpected });
  loop.soon(1);
  loop.soon(2 ** 30);
  await ran.opened;
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])("an interval of %p is refused", (ms) => {
  expect(() => every(ms, () => undefined, { onError: unexpected })).toThrow(RangeError);
});
