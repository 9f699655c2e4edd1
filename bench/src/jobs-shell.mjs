// What the jail of a shell job costs, beside a bare spawn: one process, one run, in turns.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { ShellWorker } from "@aspen/jobs";
import { MemoryStore } from "@aspen/storage/memory";
import { measure } from "./lib/measure.mjs";
import { digits, publish } from "./lib/report.mjs";

const TARGET_MS = 50;
const NOTES = [
  "Each is a run of `true`, one after the other. A shell job has a folder of its own, which is made and removed, and its outputs are read to their end.",
  "The worker is called as a pool calls it; the queue is not part of it.",
];

const { values: flags } = parseArgs({ options: { save: { type: "boolean", default: false } } });

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const store = new MemoryStore();
const context = { signal: new AbortController().signal, log: silent, blobs: store.blobs, progress() {} };

let jobs = 0;
const jobOf = (worker) => async (count) => {
  for (let done = 0; done < count; done += 1) {
    jobs += 1;
    const job = { id: `bench-${jobs}`, type: "shell", payload: { command: "true" }, group: "", attempts: 1 };
    await worker.execute({ ...job, maxAttempts: 1, timeoutMs: 60_000 }, context);
  }
};
const bare = async (count) => {
  for (let done = 0; done < count; done += 1) {
    const child = spawn("true", { stdio: "pipe" });
    child.stdin.end();
    child.stdout.resume();
    child.stderr.resume();
    await once(child, "close");
  }
};

const jailed = new ShellWorker();
const free = new ShellWorker({ jail: "none" });
await jailed.onStart();
await free.onStart();
try {
  const { limitedBy } = jailed.inForce;
  const times = await measure({ bare, free: jobOf(free), jailed: jobOf(jailed) }, { rounds: 9 });
  const ms = (name) => times[name].median / 1000;
  const overhead = ms("jailed") - ms("bare");
  const row = (what, name) => [what, digits(ms(name)), digits(times[name].min / 1000), digits(times[name].max / 1000)];
  publish({
    name: "jobs-shell",
    tables: [
      {
        title: "One program that does nothing (ms)",
        head: ["", "median", "least", "greatest"],
        rows: [
          row("bare spawn of Node", "bare"),
          row('shell job, `jail: "none"`', "free"),
          row(`shell job in its jail, limits by ${limitedBy}`, "jailed"),
        ],
      },
      {
        title: "Targets",
        head: ["target", "measured", ""],
        rows: [
          [
            `jail at most ${TARGET_MS} ms`,
            `${digits(overhead)} ms over a bare spawn`,
            overhead <= TARGET_MS ? "met" : "missed",
          ],
        ],
      },
    ],
    notes: NOTES,
    record: { limitedBy, overheadMs: overhead, times },
    save: flags.save,
  });
} finally {
  await jailed.onShutdown();
  await free.onShutdown();
  await store[Symbol.asyncDispose]();
}
