import { setTimeout as delay } from "node:timers/promises";
import { AspenError } from "@aspen/plugin-api/abi";
import type { RedisOptions } from "ioredis";
import { storageErrors } from "../../errors.js";
import { SCRIPTS, type ScriptName, scriptCommand, scriptText } from "./scripts.js";

type Argument = string | number | Buffer;

/** The part of an ioredis client that is used, so that another client can be adapted to it. */
export interface RedisLike {
  readonly status: string;
  defineCommand(name: string, definition: { lua: string; numberOfKeys: number }): void;
  /** Commands by name, answering with bytes: `getBuffer`, `mgetBuffer`, … */
  [command: `${string}Buffer`]: (...args: Argument[]) => Promise<unknown>;
  disconnect(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** The part of a client for subscriptions that is used. */
export interface SubscriberLike {
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "message", listener: (channel: string, message: string) => void): unknown;
  on(event: "ready", listener: () => void): unknown;
}

export interface ConnectionOptions {
  url: string;
  /** Milliseconds a command may take, waiting for a lost connection included. @default 5000 */
  commandTimeoutMs?: number;
}

const KEYS_PER_SCRIPT = 5;
/** Scripts that may be sent twice without harm. */
const REPEATABLE: ReadonlySet<ScriptName> = new Set([
  "scan",
  "lease",
  "read-changes",
  "sweep",
  "entries",
  "inspect",
  "raise-version",
]);
/** Milliseconds between looks at a connection that is being made again. */
const RECONNECT_POLL_MS = 20;

/** One pipelined connection, with a deadline on everything and an honest answer when it is lost. */
export class RedisConnection {
  #closed = false;
  #lastError: Error | null = null;

  private constructor(
    private readonly client: RedisLike,
    private readonly timeoutMs: number,
    private readonly subscriber: () => SubscriberLike,
  ) {
    for (const name of SCRIPTS) {
      client.defineCommand(scriptCommand(name), { lua: scriptText(name), numberOfKeys: KEYS_PER_SCRIPT });
    }
    client.on("error", (error) => {
      this.#lastError = error;
    });
  }

  /** @throws AspenError `STORE_UNAVAILABLE` when the server does not answer in time */
  static async open(options: ConnectionOptions): Promise<RedisConnection> {
    const { Redis } = await import("ioredis").catch((error) => {
      throw storageErrors.unavailable("the redis driver needs the package ioredis: npm install ioredis@6", error);
    });
    const timeoutMs = options.commandTimeoutMs ?? 5000;
    const settings = {
      replyMapping: "legacy",
      // Commands of one turn leave together anyway; with enableAutoPipelining a lone one waits for the next turn.
      // A command is never sent twice nor kept for later: this class decides what may be tried again.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      // 0, so that a lost connection ends every command under way; ioredis 6.0.0 leaves them without an answer.
      maxRetriesPerRequest: 0,
      connectTimeout: timeoutMs,
      retryStrategy: (times) => Math.min(50 * times, 1000),
    } as const satisfies RedisOptions;
    const client = new Redis(options.url, settings) as unknown as RedisLike;
    // A subscription is kept for later: it is made again after a lost connection.
    const subscriber = () => new Redis(options.url, { ...settings, enableOfflineQueue: true });
    const connection = new RedisConnection(client, timeoutMs, subscriber);
    try {
      await connection.read("PING", []);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  /** A command that changes nothing; tried again until the deadline. */
  async read(command: string, args: Argument[]): Promise<unknown> {
    const deadline = Date.now() + this.timeoutMs;
    for (;;) {
      await this.#ready(deadline);
      try {
        return await this.#send(command, args, deadline);
      } catch (error) {
        if (isReply(error))
          throw storageErrors.unavailable(`Redis refused ${command}: ${(error as Error).message}`, error);
        if (Date.now() >= deadline || this.#closed)
          throw storageErrors.unavailable(`Redis did not answer ${command} in time`, error);
        await delay(RECONNECT_POLL_MS);
      }
    }
  }

  /** A command that changes something; sent at most once. @throws AspenError `OUTCOME_UNKNOWN` when it may have been applied */
  async write(command: string, args: Argument[]): Promise<unknown> {
    const deadline = Date.now() + this.timeoutMs;
    await this.#ready(deadline);
    try {
      return await this.#send(command, args, deadline);
    } catch (error) {
      if (isReply(error))
        throw storageErrors.unavailable(`Redis refused ${command}: ${(error as Error).message}`, error);
      throw storageErrors.outcomeUnknown(command, error);
    }
  }

  script(name: ScriptName, keys: readonly string[], args: Argument[]): Promise<unknown> {
    const call = [...keys, ...args];
    return REPEATABLE.has(name) ? this.read(scriptCommand(name), call) : this.write(scriptCommand(name), call);
  }

  /**
   * Hears what is published on a channel, over a connection of its own; null when something may have been
   * missed. Returns what ends it.
   */
  async subscribe(channel: string, listener: (message: string | null) => void): Promise<() => void> {
    const client = this.subscriber();
    client.on("error", (error: Error) => {
      this.#lastError = error;
    });
    client.on("message", (_channel: string, message: string) => listener(message));
    client.on("ready", () => listener(null));
    const timer = setTimeout(() => client.disconnect(), this.timeoutMs);
    try {
      await client.subscribe(channel);
    } catch (error) {
      client.disconnect();
      throw storageErrors.unavailable("it cannot be subscribed to", error);
    } finally {
      clearTimeout(timer);
    }
    return () => client.disconnect();
  }

  close(): void {
    this.#closed = true;
    this.client.disconnect();
  }

  async #ready(deadline: number): Promise<void> {
    while (this.client.status !== "ready") {
      if (this.#closed) throw storageErrors.unavailable("it is closed");
      if (Date.now() >= deadline) {
        throw storageErrors.unavailable(
          `no connection to Redis within ${this.timeoutMs} ms${this.#lastError ? `: ${this.#lastError.message}` : ""}`,
        );
      }
      await delay(RECONNECT_POLL_MS);
    }
  }

  async #send(command: string, args: Argument[], deadline: number): Promise<unknown> {
    const reply = this.client[`${command.toLowerCase()}Buffer`]!(...args);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("timed out")), Math.max(1, deadline - Date.now()));
    });
    try {
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
      // A reply that comes after its deadline has nobody to hear its error.
      reply.catch(() => undefined);
    }
  }
}

/** True for an error that the server itself answered: the command was not applied. */
function isReply(error: unknown): boolean {
  return error instanceof Error && !(error instanceof AspenError) && error.name === "ReplyError";
}
