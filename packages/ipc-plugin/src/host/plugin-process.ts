import type { ChildProcessByStdio } from "node:child_process";
import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { orAborted, type PluginArtifact, type PluginHostContext } from "@aspen/plugin-host";
import { ipcErrors } from "../errors.js";
import type { ResolvedIpcRuntimeOptions } from "../options.js";
import { LineCutter, readLines } from "../process/lines.js";
import { OutputLog } from "../process/output-log.js";
import { spawnPlugin } from "../process/spawn-plugin.js";
import { makeWorkFolder, removeWorkFolder } from "../process/work-folder.js";
import { Connection } from "../rpc/connection.js";
import { type Handshake, LINE_MAX, readHandshake } from "../rpc/handshake.js";
import type { InfoReply, InfoRequest } from "../rpc/messages.js";
import { GRPCController, Health, Plugin } from "../rpc/services.js";
import { mintIdentity } from "../tls/certificate.js";
import { CallsUnderWay, serveHost } from "./host-server.js";

/** Number of the service `Host` at the plugin's broker. */
const HOST_SERVICE = 1;
/** Characters of a line of output in the log. */
const OUTPUT_LINE = 4096;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** One process of a plugin, from its start to its end. */
export class PluginProcess implements AsyncDisposable {
  readonly calls: CallsUnderWay;
  /** Aborts when it has ended; the reason says how. */
  readonly #ended = new AbortController();
  #connection: Connection | null = null;
  #closeHost: () => void = () => undefined;
  #closing: Promise<void> | null = null;

  private constructor(
    private readonly plugin: string,
    private readonly folder: string,
    private readonly child: Child,
    private readonly options: ResolvedIpcRuntimeOptions,
  ) {
    this.calls = new CallsUnderWay(plugin);
    child.on("error", (error) => this.#end(`at its start (${error.message})`));
    child.on("exit", (code, signal) => this.#end(signal ? `by the signal ${signal}` : `with the status ${code}`));
    // Writing to a process that has ended is no news.
    child.stdin.on("error", () => undefined);
  }

  /** @throws AspenError `PLUGIN_UNAVAILABLE` why it did not start; nothing is left then */
  static async start(
    { manifest, files }: PluginArtifact,
    host: PluginHostContext,
    options: ResolvedIpcRuntimeOptions,
    signal?: AbortSignal,
  ): Promise<{ process: PluginProcess; info: InfoReply }> {
    const { name, entry, version, api_version } = manifest;
    const bytes = entry.kind === "ipc" ? files.get(entry.command) : undefined;
    if (entry.kind !== "ipc" || !bytes) throw ipcErrors.noStart(name, "its program is missing");
    const own = await mintIdentity();
    const { folder, program } = await makeWorkFolder(entry.command, bytes);
    const input = { folder, program, args: entry.args, environment: options.environment };
    let child: Child;
    try {
      child = spawnPlugin({ ...input, certificate: own.certificatePem });
    } catch (error) {
      await removeWorkFolder(folder);
      throw error;
    }
    const process = new PluginProcess(name, folder, child, options);
    const log = new OutputLog(host);
    const late = AbortSignal.timeout(options.startTimeoutMs);
    try {
      const line = process.#firstLine(log);
      const { path, certificate } = await process.#handshake(
        line,
        AbortSignal.any([late, ...(signal ? [signal] : [])]),
      );
      const served = await serveHost(folder, process.calls, own, certificate);
      process.#closeHost = served.close;
      const connection = new Connection(path, own, certificate);
      process.#connection = connection;
      connection.announce({ service_id: HOST_SERVICE, network: "unix", address: served.path });
      const cutters = { STDOUT: outputOf("stdout", log), STDERR: outputOf("stderr", log) };
      connection.readOutput(({ channel, data }) => channel !== "INVALID" && cutters[channel].add(data));
      const { permissions, kvPrefixes } = host.grant;
      const request: InfoRequest = {
        ...{ host_service: HOST_SERVICE, name, version, api_version, config: JSON.stringify(host.config) },
        ...{ permissions: [...permissions], kv_prefixes: [...kvPrefixes] },
      };
      const limits = { timeoutMs: options.startTimeoutMs, ...(signal ? { signal } : {}) };
      const info = await connection.unary<InfoRequest, InfoReply>(Plugin.service.Info!, request, limits);
      return { process, info };
    } catch (error) {
      const how = process.how;
      await process[Symbol.asyncDispose]();
      if (signal?.aborted) throw signal.reason;
      throw ipcErrors.noStart(name, problemOf(error, how, late, options.startTimeoutMs));
    }
  }

  /** How it ended; null while it runs. */
  get how(): string | null {
    return this.#ended.signal.aborted ? String(this.#ended.signal.reason) : null;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Its connection. @throws AspenError `PLUGIN_UNAVAILABLE` when it has none any more */
  get connection(): Connection {
    if (!this.#connection || this.how !== null) throw ipcErrors.ended(this.plugin, this.how ?? "already");
    return this.#connection;
  }

  /** Kills it unless it answers a health check in time: it computes, and hears of nothing. */
  async probe(): Promise<void> {
    if (this.how !== null) return;
    try {
      await this.connection.unary(Health.service.Check!, { service: "plugin" }, { timeoutMs: this.options.graceMs });
    } catch {
      this.#kill();
      await this.#untilEnded();
    }
  }

  /** Asks it to end, waits, kills it; removes what it left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    if (this.how === null) {
      this.child.stdin.end();
      // What it answers to that is that its connection breaks.
      const asked = this.#connection?.unary(
        GRPCController.service.Shutdown!,
        {},
        { timeoutMs: this.options.stopTimeoutMs },
      );
      asked?.catch(() => undefined);
      if (asked) await Promise.race([this.#untilEnded(), delay(this.options.stopTimeoutMs, undefined, { ref: false })]);
      this.#kill();
      await this.#untilEnded();
    }
    this.#connection?.close();
    this.#closeHost();
    await removeWorkFolder(this.folder);
  }

  /** The first line of its output; all later ones go to the log. */
  #firstLine(log: OutputLog): Promise<string> {
    const { stdout, stderr } = this.child;
    readLines(stderr, OUTPUT_LINE, (line) => log.line("stderr", line));
    return new Promise((resolve) => {
      let first = true;
      readLines(stdout, LINE_MAX, (line) => {
        if (!first) return log.line("stdout", line.slice(0, OUTPUT_LINE));
        first = false;
        resolve(line);
      });
    });
  }

  async #handshake(line: Promise<string>, signal: AbortSignal): Promise<Handshake> {
    const handshake = readHandshake(await orAborted(line, AbortSignal.any([signal, this.ended])));
    if ("problem" in handshake) throw new Error(handshake.problem);
    // Its folder is ours alone; a path elsewhere could be anybody's.
    const folder = await realpath(dirname(handshake.path)).catch(() => null);
    if (folder !== (await realpath(this.folder))) throw new Error("it does not listen in PLUGIN_UNIX_SOCKET_DIR");
    return handshake;
  }

  #kill(): void {
    const { pid } = this.child;
    if (this.how !== null || pid === undefined) return;
    // It has not been waited for yet, so that the number is its own, and its group's.
    process.kill(-pid, "SIGKILL");
  }

  #end(how: string): void {
    if (!this.#ended.signal.aborted) this.#ended.abort(how);
    // Who disposes of it hears how that failed.
    this[Symbol.asyncDispose]().catch(() => undefined);
  }

  async #untilEnded(): Promise<void> {
    if (this.how !== null) return;
    await new Promise<void>((resolve) => this.ended.addEventListener("abort", () => resolve(), { once: true }));
  }
}

function outputOf(stream: "stdout" | "stderr", log: OutputLog): LineCutter {
  return new LineCutter(OUTPUT_LINE, (line) => log.line(stream, line));
}

function problemOf(error: unknown, how: string | null, late: AbortSignal, limitMs: number): string {
  if (how !== null) return `its process ended ${how} before it was ready; its log says what it wrote`;
  if (late.aborted) return `it was not ready within ${limitMs} ms; it must print go-plugin's handshake to its output`;
  return error instanceof Error ? error.message : String(error);
}
