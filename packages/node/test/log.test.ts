import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { LogQueue } from "../src/log-queue.js";
import { LogStream } from "../src/log-stream.js";
import { http, temporaryDirectory } from "./support.js";

const INFO = 30;
const WARN = 40;

describe("the queue of a log", () => {
  const line = (text: string) => Buffer.from(text.padEnd(10, "."));
  const rest = (queue: LogQueue) => {
    const lines: string[] = [];
    for (let next = queue.shift(); next; next = queue.shift()) lines.push(next.toString().replaceAll(".", ""));
    return lines;
  };

  it("keeps the order and drops the oldest below warn first", () => {
    const queue = new LogQueue(40);
    const dropped = ["i1", "w1", "i2", "e1", "i3", "w2"].map((text) =>
      queue.push(line(text), text[0] === "i" ? INFO : WARN),
    );
    expect(dropped).toEqual([0, 0, 0, 0, 1, 1]);
    expect(queue.push(line("w3"), WARN)).toBe(1);
    expect(queue.push(line("w4"), WARN)).toBe(1);
    expect(rest(queue)).toEqual(["e1", "w2", "w3", "w4"]);
    expect(queue.isEmpty).toBe(true);
  });

  it("stays within its bytes whatever comes", () => {
    const queue = new LogQueue(1000);
    let dropped = 0;
    for (let at = 0; at < 10_000; at++) dropped += queue.push(line(String(at)), at % 3 === 0 ? WARN : INFO);
    dropped += queue.shrink(50);
    const left = rest(queue);
    expect(left).toEqual(["9987", "9990", "9993", "9996", "9999"]);
    expect(dropped + left.length).toBe(10_000);
  });
});

/** A pipe whose two ends this process has. */
class Pipe {
  readonly reader: number;
  readonly writer: number;
  #text = "";

  constructor(path: string, writing = 0) {
    execFileSync("mkfifo", [path]);
    this.reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.writer = openSync(path, constants.O_WRONLY | writing);
  }

  /** What has been written so far. */
  read(): string {
    const buffer = Buffer.alloc(65_536);
    try {
      for (let got = readSync(this.reader, buffer); got > 0; got = readSync(this.reader, buffer)) {
        this.#text += buffer.toString("latin1", 0, got);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
    return this.#text;
  }

  close(): void {
    closeSync(this.reader);
    closeSync(this.writer);
  }
}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let pipe: Pipe | null = null;
let child: ChildProcess | null = null;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  child = null;
  pipe?.close();
  pipe = null;
  await directory.remove();
});

describe("a log's stream", () => {
  const open = () => {
    pipe = new Pipe(join(directory.path, "pipe"), constants.O_NONBLOCK);
    return { pipe, stream: new LogStream(pipe.writer, (lines) => `dropped ${lines}\n`) };
  };
  const log = (stream: LogStream, level: number, text: string) => {
    stream.lastLevel = level;
    stream.write(`${text}\n`);
  };

  it("writes at once while there is room", () => {
    const { pipe, stream } = open();
    log(stream, INFO, "one");
    log(stream, WARN, "two");
    expect(pipe.read()).toBe("one\ntwo\n");
  });

  it("drops the oldest info of a stalled reader, says how many, and loses no warning", async () => {
    const { pipe, stream } = open();
    const total = 20_000;
    for (let at = 0; at < total; at++) {
      const warns = at % 100 === 0;
      log(stream, warns ? WARN : INFO, `${warns ? "warn" : "info"} ${at} ${"x".repeat(1000)}`);
    }
    while (!pipe.read().includes(`info ${total - 1} `) || !pipe.read().endsWith("\n")) await delay(5);
    const lines = pipe.read().trimEnd().split("\n");
    const numbers = lines.filter((line) => !line.startsWith("dropped")).map((line) => Number(line.split(" ")[1]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(lines.filter((line) => line.startsWith("warn"))).toHaveLength(total / 100);
    const notices = lines.filter((line) => line.startsWith("dropped"));
    expect(notices).toHaveLength(1);
    expect(Number(notices[0]!.split(" ")[1]) + numbers.length).toBe(total);
    log(stream, INFO, "after");
    expect(pipe.read()).toContain("\nafter\n");
  });

  it("writes the last lines at the exit, and gives up on a reader that is stalled", async () => {
    const { pipe, stream } = open();
    for (let at = 0; at < 5000; at++) log(stream, INFO, `info ${at} ${"x".repeat(1000)}`);
    log(stream, 60, "fatal");
    stream.flushAtExit();
    expect(pipe.read()).not.toContain("fatal");
    while (!pipe.read().endsWith("fatal\n")) await delay(5);
    expect(pipe.read()).toMatch(/\ndropped \d+\n/);
  });
});

describe("a node whose log nobody reads", () => {
  const CODE = `
    import { createNode } from "@aspen/node";
    const config = { dataDir: process.argv[1], listen: { port: 0 }, logLevel: "debug" };
    const node = await createNode({ config });
    process.on("SIGTERM", () => node[Symbol.asyncDispose]());
    process.once("message", (end) => {
      if (end === "exit") process.exit(3);
      setImmediate(() => {
        throw new Error("nobody catches this");
      });
    });
    process.channel.unref();
    process.send(node.url);
  `;

  /** A node whose log is the pipe, or a socket of this process that is not read. */
  async function start(stderr: number | "pipe"): Promise<{ node: ChildProcess; url: string }> {
    const args = ["--input-type=module", "-e", CODE, join(directory.path, "data")];
    const node = spawn(process.execPath, args, {
      cwd: import.meta.dirname,
      stdio: ["ignore", "ignore", stderr, "ipc"],
    });
    child = node;
    const died = once(node, "exit").then(([code]) => {
      throw new Error(`the node ended with ${code} before it was ready`);
    });
    died.catch(() => undefined);
    const [url] = (await Promise.race([once(node, "message"), died])) as [string];
    return { node, url };
  }

  /** Each is logged with its stack, more than any pipe or socket holds. */
  async function refusals(url: string): Promise<void> {
    for (let round = 0; round < 8; round++) {
      const calls = Array.from({ length: 25 }, () => http(url, `/rpc/no.such.${"x".repeat(400)}`, { body: "{}" }));
      for (const { status } of await Promise.all(calls)) expect(status).toBe(404);
    }
  }

  const ended = async (node: ChildProcess) => {
    if (node.exitCode === null && node.signalCode === null) await once(node, "exit");
    return [node.exitCode, node.signalCode];
  };
  const openPipe = () => {
    pipe = new Pipe(join(directory.path, "pipe"));
    return pipe;
  };

  it.each(["pipe", "socket"])("answers calls and ends on SIGTERM: %s", async (kind) => {
    const { node, url } = await start(kind === "pipe" ? openPipe().writer : "pipe");
    await refusals(url);
    expect(await http(url, "/rpc/kv.put", { body: '{"key":"a","value":"b"}' })).toMatchObject({ status: 200 });
    node.kill("SIGTERM");
    expect(await ended(node)).toEqual([0, null]);
  });

  it.each([
    ["exit", 3],
    ["throw", 1],
  ])("writes what waits when the process ends: %s", async (end, status) => {
    const log = openPipe();
    const { node, url } = await start(log.writer);
    await refusals(url);
    await http(url, "/rpc/no.such", { body: "{}", headers: { "x-request-id": "the-last-one" } });
    const reading = setInterval(() => log.read(), 5);
    node.send(end);
    expect(await ended(node)).toEqual([status, null]);
    clearInterval(reading);
    expect(log.read()).toContain("the-last-one");
  });

  it.each(["exit", "throw"])("ends all the same when nobody reads: %s", async (end) => {
    const { node, url } = await start(openPipe().writer);
    await refusals(url);
    node.send(end);
    expect((await ended(node))[1]).toBeNull();
  });
});
