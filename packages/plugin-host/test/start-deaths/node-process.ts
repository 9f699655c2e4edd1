import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { PluginStatus } from "../../src/index.js";
import { eventually } from "../support.js";

/** It runs the built packages. */
const SCRIPT = fileURLToPath(new URL("./node.mjs", import.meta.url));

export interface NodeProcessOptions {
  directory?: string;
  redis?: string;
  leaseMs?: number;
  /** Names of plugins whose start aborts the process. */
  abortOn?: string[];
  /** Names of plugins whose start does not end. */
  hangOn?: string[];
  /** Where a core may be left. */
  cwd: string;
}

/** A plugin host in a process of its own. */
export class NodeProcess implements AsyncDisposable {
  readonly begun: string[] = [];
  ready = false;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #lists: PluginStatus[][] = [];

  constructor({ cwd, ...options }: NodeProcessOptions) {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const stdio = ["pipe", "pipe", "ignore"] as const;
    this.#child = spawn(process.execPath, [SCRIPT, JSON.stringify(options)], { cwd, env, stdio: [...stdio] });
    this.#ended = once(this.#child, "close");
    createInterface({ input: this.#child.stdout! }).on("line", (text) => {
      const line = JSON.parse(text) as { begun?: string; ready?: true; plugins?: PluginStatus[] };
      if (line.begun) this.begun.push(line.begun);
      if (line.ready) this.ready = true;
      if (line.plugins) this.#lists.push(line.plugins);
    });
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended: a signal, or a status. */
  async end(): Promise<NodeJS.Signals | number | null> {
    await this.#ended;
    return this.#child.signalCode ?? this.#child.exitCode;
  }

  /** Resolves when it has begun to start this plugin. */
  async starts(name: string): Promise<void> {
    await eventually(() => this.begun.includes(name) || !this.alive, 60_000);
  }

  async list(): Promise<PluginStatus[]> {
    await eventually(() => this.ready || !this.alive, 60_000);
    if (!this.alive) throw new Error(`the process has ended: ${await this.end()}`);
    const before = this.#lists.length;
    this.#child.stdin!.write("list\n");
    await eventually(() => this.#lists.length > before);
    return this.#lists.at(-1)!;
  }

  /** State of each plugin by name. */
  async states(): Promise<Record<string, string>> {
    return Object.fromEntries((await this.list()).map(({ name, state }) => [name, state]));
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.alive) this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.#ended;
    clearTimeout(timer);
  }
}
