import type { FastifyBaseLogger } from "fastify";
import type { Bindings, ChildLoggerOptions, Level, LogFn, Logger } from "pino";

/**
 * The log of one request, whose lines have its id. The child of the node's log that writes them is made for the first line:
 * nearly every request has none.
 */
export class RequestLog implements FastifyBaseLogger {
  #own: Logger | null = null;

  constructor(
    private readonly log: Logger,
    private readonly bindings: Bindings,
    private readonly options: ChildLoggerOptions,
  ) {}

  get level(): string {
    return this.log.level;
  }

  fatal(...line: Parameters<LogFn>): void {
    this.#write("fatal", line);
  }

  error(...line: Parameters<LogFn>): void {
    this.#write("error", line);
  }

  warn(...line: Parameters<LogFn>): void {
    this.#write("warn", line);
  }

  info(...line: Parameters<LogFn>): void {
    this.#write("info", line);
  }

  debug(...line: Parameters<LogFn>): void {
    this.#write("debug", line);
  }

  trace(...line: Parameters<LogFn>): void {
    this.#write("trace", line);
  }

  silent(): void {}

  child(bindings: Bindings, options?: ChildLoggerOptions): Logger {
    return this.#child.child(bindings, options);
  }

  #write(level: Level, line: Parameters<LogFn>): void {
    if (this.log.isLevelEnabled(level)) this.#child[level](...line);
  }

  get #child(): Logger {
    this.#own ??= this.log.child(this.bindings, this.options);
    return this.#own;
  }
}
