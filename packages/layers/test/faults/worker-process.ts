import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));
/** Milliseconds for a worker to answer; a busy machine takes many times as long as an idle one. */
const PATIENCE_MS = 120_000;

/** What every worker of a history is told. */
export interface HistoryOrder {
  namespace: string;
  seed: number;
  /** The number of its first node. */
  first: number;
  /** Events that each node emits. */
  events: number;
  lease: { ttlMs: number; pollMs: number };
}

interface Answer {
  type: string;
  item?: string;
  entries?: [string, string][];
}

/** One process of `worker.mjs`. */
export class WorkerProcess implements AsyncDisposable {
  readonly #waiting = new Map<string, (answer: Answer) => void>();
  #failure: Error | undefined;

  private constructor(
    private readonly child: ChildProcess,
    onAcknowledged: (item: string) => void,
  ) {
    let errors = "";
    child.stderr!.on("data", (chunk) => {
      errors = (errors + chunk).slice(-10_000);
    });
    child.on("message", (answer: Answer) => {
      if (answer.type === "acknowledged") onAcknowledged(answer.item!);
      else this.#waiting.get(answer.type)?.(answer);
    });
    child.on("exit", (code, signal) => {
      if (signal !== "SIGKILL") this.#failure = new Error(`the worker ended (${code ?? signal}): ${errors}`);
    });
  }

  static async start(args: readonly string[], onAcknowledged: (item: string) => void): Promise<WorkerProcess> {
    const child = fork(WORKER, args, { execArgv: [], stdio: ["ignore", "inherit", "pipe", "ipc"] });
    const worker = new WorkerProcess(child, onAcknowledged);
    await worker.#answer("ready");
    return worker;
  }

  /** Resolves when its nodes emit no more; they go on consuming. Rejects when it is killed before. */
  async begin(history: HistoryOrder): Promise<void> {
    const emitted = this.#answer("emitted");
    this.child.send({ type: "begin", history });
    await emitted;
  }

  /** Resolves when everything that it was doing has ended. */
  async end(): Promise<void> {
    const ended = this.#answer("ended");
    this.child.send({ type: "end" });
    await ended;
  }

  async scan(prefix: string): Promise<[key: string, value: string][]> {
    const scanned = this.#answer("scanned");
    this.child.send({ type: "scan", prefix });
    return (await scanned).entries!;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await exited;
  }

  #answer(type: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.child.off("exit", fail);
        this.#waiting.delete(type);
      };
      const fail = (): void => {
        settle();
        reject(this.#failure ?? new Error(`a worker was killed before it said ${type}`));
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`a worker did not say ${type} in time`));
      }, PATIENCE_MS);
      this.child.once("exit", fail);
      this.#waiting.set(type, (answer) => {
        settle();
        resolve(answer);
      });
    });
  }
}
