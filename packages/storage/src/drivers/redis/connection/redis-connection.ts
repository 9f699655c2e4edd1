import { isAspenError } from "@aspen/plugin-api/abi";
import { storageErrors } from "../../../errors.js";
import { createClients, type RedisClient, type RedisClients, type RedisNode } from "./clients.js";
import { Deadlines } from "./deadlines.js";
import { isAccessDenied, isDemoted, isOutOfMemory, isScriptMissing, outcomeOf } from "./outcome.js";
import { isRepeatable, type ScriptName, scriptOf } from "./scripts.js";
import { Subscription } from "./subscription.js";
import type { RedisTopology } from "./topology.js";
import { type Argument, isReply, type TrackedCommand } from "./tracked-command.js";
import { WaitingRoom } from "./waiting-room.js";

export interface ConnectionOptions {
  topology: RedisTopology;
  /** As in `RedisStoreOptions`. */
  commandTimeoutMs: number;
  maxWaitingCommands: number;
  waitReplicas: number;
}

/** Milliseconds before something is tried again; doubled each time. */
const RETRY_MS = { least: 10, most: 200 };
/** Milliseconds for replicas to have a write; everything else on the connection waits for that long. */
const REPLICAS_MS = 1000;

/** One server that takes writes. */
export interface Primary {
  /** For people. */
  name: string;
  /** Has it run a command that changes nothing. */
  read(command: string, args: readonly Argument[]): Promise<unknown>;
}

interface Call {
  /** Its name in messages. */
  label: string;
  name: string;
  args: readonly Argument[];
  /** May be applied more than once. */
  repeatable: boolean;
  /** Replicas must have it. */
  replicated: boolean;
  /** The node to send it to. @default the node of its keys */
  node?: RedisNode;
}

interface Failure {
  command: TrackedCommand;
  error: unknown;
}

/** Pipelined commands, with a deadline on everything and an honest answer when a connection is lost. */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #waiting: WaitingRoom;
  readonly #deadlines = new Deadlines();
  readonly #subscriptions = new Set<Subscription>();
  readonly #closing = new AbortController();
  /** The server was demoted: no command is sent any more until it is connected to again. */
  #leaving = false;
  #lastError: Error | null = null;
  /** The server refused the database; the client would go on in database 0. */
  #notSelected: Error | null = null;
  /** The server does not let this user in, until somebody changes its settings. */
  #denied: Error | null = null;

  private constructor(
    private readonly clients: RedisClients,
    private readonly options: ConnectionOptions,
  ) {
    this.#client = clients.client;
    this.#waiting = new WaitingRoom(options.maxWaitingCommands);
    const note = (error: Error & { lastNodeError?: Error; command?: { name: string } }) => {
      this.#lastError = error.lastNodeError ?? error;
      if (isReply(error) && error.command?.name === "select") this.#notSelected = error;
      if (!isAccessDenied(this.#lastError)) return;
      this.#denied = this.#lastError;
      this.#waiting.wake();
    };
    this.#client.on("error", note);
    this.#client.on("node error", note);
    this.#client.on("ready", () => this.#waiting.wake());
    this.#client.on("close", () => {
      this.#leaving = false;
      this.#notSelected = null;
      this.#denied = null;
    });
    this.#client.on("end", () => this.#connectAgain());
  }

  /** @throws AspenError `STORE_UNAVAILABLE` when no server answers in time */
  static async open(options: ConnectionOptions): Promise<RedisConnection> {
    const connection = new RedisConnection(await createClients(options.topology, options.commandTimeoutMs), options);
    try {
      await connection.read("PING", []);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  get isCluster(): boolean {
    return this.#client.nodes !== undefined;
  }

  /** A command that changes nothing; tried again until the deadline. */
  read(command: string, args: readonly Argument[]): Promise<unknown> {
    return this.#call({ label: command, name: command.toLowerCase(), args, repeatable: true, replicated: false });
  }

  /** A command that changes something, at most once. @throws AspenError `OUTCOME_UNKNOWN` when it may have been applied */
  write(command: string, args: readonly Argument[]): Promise<unknown> {
    return this.#call({ label: command, name: command.toLowerCase(), args, repeatable: false, replicated: true });
  }

  /**
   * A command whose change may be applied twice without harm, or be lost in a fail-over; tried again until the deadline.
   */
  writeRepeatably(command: string, args: readonly Argument[]): Promise<unknown> {
    return this.#call({ label: command, name: command.toLowerCase(), args, repeatable: true, replicated: false });
  }

  /** As {@link read} or {@link write}, whichever the script is. */
  script(name: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#call({
      label: name,
      name: "evalsha",
      args: [scriptOf(name).sha, keys.length, ...keys, ...args],
      repeatable: isRepeatable(name),
      replicated: !isRepeatable(name),
    });
  }

  /** The primaries of a cluster, or the one server. */
  primaries(): Primary[] {
    const call = (command: string, args: readonly Argument[]): Call => {
      return { label: command, name: command.toLowerCase(), args, repeatable: true, replicated: false };
    };
    const nodes = this.#client.nodes?.("master");
    if (!nodes) return [{ name: "the server", read: (command, args) => this.#call(call(command, args)) }];
    return nodes.map((node) => ({
      name: `the node ${node.options.host}:${node.options.port}`,
      read: (command, args) => this.#call({ ...call(command, args), node }),
    }));
  }

  /** Has every primary run a command that changes nothing. */
  async readFromPrimaries(command: string, args: readonly Argument[]): Promise<{ node: string; reply: unknown }[]> {
    return Promise.all(
      this.primaries().map(async ({ name, read }) => ({ node: name, reply: await read(command, args) })),
    );
  }

  /**
   * Calls the listener with each message of a channel, over a connection of its own, and with null when messages may have
   * been missed. Returns a function that ends it.
   * @throws AspenError `STORE_UNAVAILABLE`
   */
  async subscribe(channel: string, listener: (message: string | null) => void): Promise<() => void> {
    const { subscriber } = this.clients;
    const subscription = await Subscription.open(subscriber, channel, listener, {
      timeoutMs: this.options.commandTimeoutMs,
      closing: this.#closing.signal,
    });
    const end = () => {
      this.#subscriptions.delete(subscription);
      subscription.close();
    };
    this.#subscriptions.add(subscription);
    if (this.#closing.signal.aborted) end();
    return end;
  }

  close(): void {
    this.#closing.abort();
    for (const subscription of this.#subscriptions) subscription.close();
    this.#client.disconnect();
    this.#waiting.wake();
  }

  #call(call: Call): Promise<unknown> {
    const deadline = performance.now() + this.options.commandTimeoutMs;
    if (!this.#usable()) return this.#carryOut(call, deadline);
    const command = new this.clients.Command(call.name, call.args);
    // The usual case, without the promises of the other cases.
    return this.#send(command, call, deadline).catch((error) => this.#carryOut(call, deadline, { command, error }));
  }

  /** Waits and tries until the command is carried out, must not be tried again, or its time is over. */
  async #carryOut(call: Call, deadline: number, failure?: Failure): Promise<unknown> {
    let failed = failure;
    for (let attempt = 0; ; attempt++) {
      let { name, args } = call;
      if (failed && isScriptMissing(failed.error)) {
        name = "eval";
        args = [scriptOf(call.label as ScriptName).text, ...args.slice(1)];
      } else if (failed) {
        this.#assertRepeatable(call, failed, deadline);
        if (isDemoted(failed.error)) this.#leave();
        const wait = Math.min(RETRY_MS.least * 2 ** attempt, RETRY_MS.most);
        await this.#waiting.wait(Math.min(deadline, performance.now() + wait));
      }
      if (!this.#usable()) await this.#untilUsable(deadline);
      const command = new this.clients.Command(name, args);
      try {
        return await this.#send(command, call, deadline);
      } catch (error) {
        failed = { command, error };
      }
    }
  }

  /** @throws AspenError when a command that failed must not, or cannot, be tried again */
  #assertRepeatable({ label, repeatable }: Call, { command, error }: Failure, deadline: number): void {
    if (error === REPLICAS_MISSING) throw storageErrors.notReplicated(label, this.options.waitReplicas);
    if (isAspenError(error)) throw error;
    const outcome = outcomeOf(error, command);
    const { message } = error as Error;
    if (isOutOfMemory(error)) throw storageErrors.full(label, error);
    if (outcome === "refused") throw storageErrors.unavailable(`Redis refused ${label}: ${message}`, error);
    if (outcome === "unknown" && !repeatable) throw storageErrors.outcomeUnknown(label, error);
    if (this.#closing.signal.aborted) throw storageErrors.unavailable("it is closed", error);
    if (performance.now() < deadline) return;
    const { commandTimeoutMs } = this.options;
    throw storageErrors.unavailable(
      `Redis did not carry out ${label} within ${commandTimeoutMs} ms: ${message}`,
      error,
    );
  }

  #usable(): boolean {
    return this.#client.status === "ready" && !this.#leaving && !this.#closing.signal.aborted && !this.#notSelected;
  }

  async #untilUsable(deadline: number): Promise<void> {
    while (!this.#usable()) {
      if (this.#closing.signal.aborted) throw storageErrors.unavailable("it is closed");
      if (this.#notSelected) {
        const { database } = this.options.topology;
        throw storageErrors.unavailable(
          `the database ${database} cannot be selected: ${this.#notSelected.message}`,
          this.#notSelected,
        );
      }
      if (this.#denied) {
        throw storageErrors.unavailable(`Redis refused the connection: ${this.#denied.message}`, this.#denied);
      }
      if (performance.now() >= deadline) {
        const reason = this.#lastError ? `: ${this.#lastError.message}` : "";
        throw storageErrors.unavailable(`no connection to Redis within ${this.options.commandTimeoutMs} ms${reason}`);
      }
      await this.#waiting.wait(deadline);
    }
  }

  #send(command: TrackedCommand, call: Call, deadline: number): Promise<unknown> {
    if (this.options.waitReplicas > 0 && call.replicated) return this.#sendAndWait(command, call, deadline);
    return this.#reply(command, call.node, deadline);
  }

  async #sendAndWait(command: TrackedCommand, { node }: Call, deadline: number): Promise<unknown> {
    const { waitReplicas } = this.options;
    const reply = this.#reply(command, node, deadline);
    // In the same turn, so that it follows the write on the same connection.
    const wait = new this.clients.Command("wait", [waitReplicas, REPLICAS_MS], command);
    const reached = this.#reply(wait, node, deadline).then(
      (count) => wait.socket === command.socket && Number(count) >= waitReplicas,
      () => false,
    );
    const answer = await reply;
    if (!(await reached)) throw REPLICAS_MISSING;
    return answer;
  }

  #reply(command: TrackedCommand, node: RedisNode | undefined, deadline: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.assertRoom();
      // It may still be sent, so its outcome is unknown even when it has not been written yet.
      let left: (() => void) | null = null;
      const end = () => {
        this.#deadlines.delete(onLate);
        left?.();
        left = null;
        if (this.#leaving && this.#deadlines.size === 0) this.#client.disconnect(true);
      };
      const fail = (error: unknown) => {
        end();
        reject(error);
      };
      const onLate = () => fail(LATE);
      this.#deadlines.add(onLate, deadline);
      const reply = (node ?? this.#client).sendCommand(command);
      // While a node of a cluster is being connected to, the client keeps the command.
      if (!command.written) left = this.#waiting.count();
      reply.then((answer) => {
        end();
        resolve(answer);
      }, fail);
    });
  }

  /** Connects again, to whichever server is the primary by now, after all commands under way were answered. */
  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    if (this.#deadlines.size === 0) this.#client.disconnect(true);
  }

  /** The client gave up, which it does when its connection is lost while it asks a Sentinel. */
  #connectAgain(): void {
    if (this.#closing.signal.aborted) return;
    const timer = setTimeout(() => {
      // The failure is an error event, and the end that follows is another one.
      if (!this.#closing.signal.aborted) this.#client.connect().catch(() => undefined);
    }, RETRY_MS.most);
    timer.unref();
  }
}

const LATE = new Error("it was not answered in time");
const REPLICAS_MISSING = new Error("not enough replicas have it");
