import { randomUUID } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { until } from "../helpers.js";
import { processesWith, shellPool } from "./helpers.js";

test("a fork bomb gets the processes that it may have, and is gone when its time is over", async () => {
  await using it = await shellPool({ limits: { processes: 24 } });
  const mark = `mark-${randomUUID()}`;
  const bomb = it.sh("(while :; do sleep 1000 & done) 2>/dev/null; exec sleep 1000", { env: { MARK: mark } }, 3000);
  await until(() => processesWith(mark).length > 10);
  // With bubblewrap, outside of the jail and in it.
  for (let look = 0; look < 20; look += 1) expect(processesWith(mark).length).toBeLessThanOrEqual(26);
  expect((await bomb).error?.code).toBe("JOB_TIMEOUT");
  expect(processesWith(mark)).toEqual([]);
  expect((await it.sh("echo next")).result.stdout).toBe("next\n");
});

test("a job that needs more memory than it may have is ended, alone", async () => {
  await using it = await shellPool({ limits: { memoryMiB: 48, tmpMiB: 512 } });
  // `tail` keeps what has no end of line.
  const hog = await it.sh("head -c 300000000 /dev/zero | tail -n 1 | wc -c", {}, 20_000);
  const { limitedBy } = it.worker.inForce!;
  if (limitedBy === "prlimit") expect(hog.result?.stdout ?? "0\n").toBe("0\n");
  else expect(hog.error).toMatchObject({ code: "JOB_LIMIT_EXCEEDED", message: expect.stringContaining("memory") });
  // What lies in /tmp counts as well, where all of a job is counted.
  const filled = await it.sh("head -c 300000000 /dev/zero > /tmp/file", {}, 20_000);
  if (limitedBy !== "prlimit") expect(filled.error).toMatchObject({ code: "JOB_LIMIT_EXCEEDED" });
  expect((await it.sh("echo next")).result.stdout).toBe("next\n");
});

test("files, /tmp and processor time have their limits", async () => {
  await using it = await shellPool({ limits: { fileMiB: 1, tmpMiB: 2, cpuSeconds: 1 } });
  const file = await it.sh("trap '' XFSZ; head -c 3000000 /dev/zero > file; stat -c %s file");
  expect(file.result.stdout).toBe(`${1024 * 1024}\n`);
  const tmp = await it.sh("for n in 1 2 3 4; do head -c 1000000 /dev/zero > /tmp/$n; done; du -sm /tmp | cut -f1");
  expect(Number(tmp.result.stdout)).toBeLessThanOrEqual(2);
  const busy = await it.sh("while :; do :; done");
  expect(busy.error).toMatchObject({ code: "JOB_LIMIT_EXCEEDED", message: expect.stringContaining("processor time") });
});

test("a job's folder holds so much, and so many files, and the next job's is empty", async () => {
  await using it = await shellPool({ limits: { diskMiB: 4 } });
  const full = await it.sh("for n in 1 2 3; do head -c 3000000 /dev/zero > $n || exit 3; done");
  expect(full.error).toMatchObject({ code: "JOB_LIMIT_EXCEEDED", message: expect.stringContaining("disk") });
  expect(full.error?.details).toMatchObject({ what: "disk", exitCode: 3 });
  // A file without a name counts as well, as long as it is there.
  const nameless = await it.sh("exec 8> gone; rm gone; head -c 3000000 /dev/zero >&8 && head -c 3000000 /dev/zero >&8");
  expect(nameless.error).toMatchObject({ details: { stderr: expect.stringContaining("No space left") } });
  const kept = await it.sh("ls; head -c 1000 /dev/zero > kept", { artifacts: ["*"] });
  expect(kept.result).toMatchObject({ stdout: "", artifacts: [{ path: "kept", bytes: 1000 }] });
  const failed = await it.sh("exit 4");
  expect(failed.error).toMatchObject({ code: "JOB_EXIT_NONZERO" });
});

test("a job's folder can lie on the disk", async () => {
  await using it = await shellPool({ limits: { diskMiB: 0 } });
  const job = await it.sh("head -c 1000 /dev/zero > kept; stat -f -c %T .", { artifacts: ["*"] });
  expect(job.result.artifacts).toMatchObject([{ path: "kept", bytes: 1000 }]);
});

test("no control group outlives its job", async () => {
  const groups = () =>
    ["memory", "pids", "cpu", "unified"].flatMap((name) => {
      const folder = `/sys/fs/cgroup/${name}`;
      return existsSync(folder) ? readdirSync(folder).filter((it) => it.includes(`-${process.pid}-`)) : [];
    });
  await using it = await shellPool();
  await it.sh("setsid sleep 1000 & true");
  await it.sh("sleep 1000", {}, 300);
  expect(groups()).toEqual([]);
});
