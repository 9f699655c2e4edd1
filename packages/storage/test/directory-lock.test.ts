import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { encodeUtf8 } from "@aspen/plugin-api";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { until } from "../src/testing/until.js";

const holder = fileURLToPath(new URL("./lock/holder.mjs", import.meta.url));

/** A process that has a store open, or was refused. */
interface Holder {
  process: ChildProcess;
  lines: AsyncIterator<string>;
  input: Interface;
}

let directory: string;
const started: ChildProcess[] = [];
const detached: number[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-lock-"));
});

afterEach(async () => {
  for (const pid of detached.splice(0)) kill(pid);
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await rm(directory, { recursive: true, force: true });
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function run(command: string, args: readonly string[]): Holder {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  started.push(child);
  const input = createInterface({ input: child.stdout });
  return { process: child, lines: input[Symbol.asyncIterator](), input };
}

/** As a container has it: process ids of its own. */
function runInNamespace(): Holder {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const own = ["--pid", "--fork", "--kill-child", "--mount", "--mount-proc"];
  return run("unshare", [...user, ...own, process.execPath, holder, directory]);
}

async function line({ lines }: Holder): Promise<string> {
  const { value } = await lines.next();
  return String(value);
}

async function stop(held: Holder): Promise<void> {
  held.process.stdin!.end();
  expect(await line(held)).toBe("closed");
}

const inUse = { code: "STORE_UNAVAILABLE", message: expect.stringContaining("is in use by") };

describe("one store in a directory", () => {
  test("is refused from another pid namespace, and does no harm from there", async () => {
    const first = run(process.execPath, [holder, directory]);
    expect(await line(first)).toBe(`open ${first.process.pid}`);
    first.process.stdin!.write("start\n");
    expect(await line(first)).toBe("started");
    const second = runInNamespace();
    expect(await line(second)).toMatch(/^refused STORE_UNAVAILABLE .* is in use by/);
    first.process.stdin!.write("end\n");
    expect(await line(first)).toBe("stored");
    // That the second one ended has freed nothing.
    await expect(EmbeddedStore.open({ directory })).rejects.toMatchObject(inUse);
    await stop(first);
    await using _store = await EmbeddedStore.open({ directory });
  });

  test("is refused when the other has its number in another pid namespace", async () => {
    const [first, second] = [runInNamespace(), runInNamespace()];
    const lines = await Promise.all([line(first), line(second)]);
    expect(lines.filter((text) => text.startsWith("open"))).toHaveLength(1);
    expect(lines.filter((text) => text.startsWith("refused STORE_UNAVAILABLE"))).toHaveLength(1);
  });

  test("is refused, by its name, in the same process and in another", async () => {
    await using _store = await EmbeddedStore.open({ directory });
    await expect(EmbeddedStore.open({ directory })).rejects.toMatchObject({
      ...inUse,
      message: expect.stringContaining(`the process ${process.pid}`),
      details: { directory, pid: process.pid },
    });
    expect(await line(run(process.execPath, [holder, directory]))).toContain(`the process ${process.pid}`);
  });

  test("is refused in a thread of the same process, whose end frees nothing", async () => {
    await using _store = await EmbeddedStore.open({ directory });
    const worker = new Worker(
      `import("@aspen/storage/embedded")
        .then(({ EmbeddedStore }) => EmbeddedStore.open({ directory: require("node:worker_threads").workerData }))
        .then(() => "open", ({ code }) => code)
        .then((answer) => require("node:worker_threads").parentPort.postMessage(answer));`,
      { eval: true, workerData: directory },
    );
    expect(await once(worker, "message")).toEqual(["STORE_UNAVAILABLE"]);
    await worker.terminate();
    await expect(EmbeddedStore.open({ directory })).rejects.toMatchObject(inUse);
  });

  test("opens after a kill while the killed process is a zombie", async () => {
    // The shell becomes a program that waits for no child.
    const parent = run("bash", ["-c", '"$0" "$1" "$2" <&0 & exec sleep 600', process.execPath, holder, directory]);
    const pid = Number((await line(parent)).split(" ")[1]);
    detached.push(pid);
    process.kill(pid, "SIGKILL");
    // Its files are closed when the last of its threads has ended.
    await until("a zombie", async () => /\) Z /.test(await readFile(`/proc/${pid}/stat`, "utf8")));
    await until("the end of its threads", async () => (await readdir(`/proc/${pid}/task`)).length === 1);
    await using store = await EmbeddedStore.open({ directory });
    await store.kv.put("a:1", encodeUtf8("1"));
    expect(await readFile(`/proc/${pid}/stat`, "utf8")).toMatch(/\) Z /);
  });

  test("is refused while the process that has it is stopped by a signal", async () => {
    const held = run(process.execPath, [holder, directory]);
    await line(held);
    held.process.kill("SIGSTOP");
    await expect(EmbeddedStore.open({ directory })).rejects.toMatchObject(inUse);
    held.process.kill("SIGCONT");
    await stop(held);
  });

  test("opens at once when the process that had it was killed, though a child of that lives on", async () => {
    const script = `
      const { EmbeddedStore } = await import("@aspen/storage/embedded");
      await EmbeddedStore.open({ directory: ${JSON.stringify(directory)} });
      const child = (await import("node:child_process")).spawn("sleep", ["600"], { stdio: "ignore", detached: true });
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const parent = run(process.execPath, ["--input-type=module", "-e", script]);
    detached.push(Number(await line(parent)));
    parent.process.kill("SIGKILL");
    await once(parent.process, "exit");
    await using _store = await EmbeddedStore.open({ directory });
  });

  test("opens where an earlier version left its lock, also one that names a process that runs", async () => {
    for (const left of [JSON.stringify({ pid: process.pid, startTime: null, token: "x" }), '{"pid":', "", "\0\0\0"]) {
      await writeFile(join(directory, "lock"), left);
      await using _store = await EmbeddedStore.open({ directory });
      await expect(EmbeddedStore.open({ directory })).rejects.toMatchObject({
        ...inUse,
        message: expect.stringContaining(`the process ${process.pid}`),
      });
    }
  });

  test("is one even when the lock was made and removed by others at the same time", async () => {
    const path = join(directory, "lock");
    for (let round = 0; round < 20; round++) {
      const stores = await Promise.allSettled([
        ...Array.from({ length: 4 }, () => EmbeddedStore.open({ directory })),
        rm(path, { force: true }),
      ]);
      const open = stores.flatMap((result) => (result.status === "fulfilled" && result.value ? [result.value] : []));
      // A store whose lock was taken away under it writes nothing any more.
      const wrote = await Promise.allSettled(open.map((store) => store.kv.put("a:1", encodeUtf8("1"))));
      expect(wrote.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
      for (const store of open) await store[Symbol.asyncDispose]();
    }
  });

  test("is refused where the lock cannot be one", async () => {
    await mkdir(join(directory, "lock"));
    await expect(EmbeddedStore.open({ directory })).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  test("stays one under another name of the directory", async () => {
    await using _store = await EmbeddedStore.open({ directory });
    const moved = `${directory}-moved`;
    await rename(directory, moved);
    try {
      await expect(EmbeddedStore.open({ directory: moved })).rejects.toMatchObject(inUse);
    } finally {
      await rename(moved, directory);
    }
    const other = join(directory, "other");
    await mkdir(other);
    await link(join(directory, "lock"), join(other, "lock"));
    await expect(EmbeddedStore.open({ directory: other })).rejects.toMatchObject(inUse);
  });
});
