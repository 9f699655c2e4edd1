import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { NodeConfig } from "../src/index.js";

const PROGRAM = fileURLToPath(new URL("./fixtures/process/node.mjs", import.meta.url));

/** A node in a process of its own. It runs the built package. */
export class NodeProcess implements AsyncDisposable {
  readonly ended: Promise<number | null>;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #news = new EventTarget();
  #stderr = "";

  private constructor(private readonly child: ChildProcess) {
    this.ended = once(child, "close").then(([code]) => code as number | null);
    createInterface({ input: child.stdout! }).on("line", (line) => {
      this.#lines.push(JSON.parse(line));
      this.#news.dispatchEvent(new Event("line"));
    });
    child.stderr!.on("data", (chunk) => {
      this.#stderr += String(chunk);
    });
  }

  static start(config: NodeConfig, fault?: string): NodeProcess {
    const { NODE_OPTIONS: _options, ...env } = process.env;
    const given = { config: { listen: { port: 0 }, logLevel: "warn", ...config }, fault };
    return new NodeProcess(spawn(process.execPath, [PROGRAM, JSON.stringify(given)], { env }));
  }

  /** The value of the first line with this key, when it has come. */
  async said(key: string): Promise<unknown> {
    for (;;) {
      const line = this.#lines.find((it) => key in it);
      if (line) return line[key];
      const news = once(this.#news as never, "line");
      const ended = this.ended.then(() => {
        if (!this.#lines.some((it) => key in it)) throw new Error(`it ended without "${key}": ${this.#stderr}`);
      });
      await Promise.race([news, ended]);
    }
  }

  get stderr(): string {
    return this.#stderr;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}
