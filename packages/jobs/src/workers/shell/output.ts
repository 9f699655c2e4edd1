import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Logger } from "@aspen/plugin-api";
import { JOB_LIMITS } from "../../options.js";
import { SHELL_LIMITS } from "./payload.js";

/** One output of a program: what is kept of it, and its lines in the job's log. */
export class Output {
  readonly #kept: Buffer[] = [];
  readonly #decoder = new StringDecoder("utf8");
  #keptBytes = 0;
  #allBytes = 0;
  #line = "";
  #tail = Buffer.alloc(0);

  constructor(
    private readonly name: "stdout" | "stderr",
    private readonly maxBytes: number,
    private readonly log: Logger,
  ) {}

  /** Reads to the end, also what is over the limit: a program whose output nobody reads would stand still. */
  async read(stream: Readable): Promise<void> {
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) this.#add(chunk);
    } catch (error) {
      // Whoever ended the job may have closed its output.
      if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
    }
    this.#endLine();
  }

  /** The first 64 KiB. */
  get text(): string {
    return Buffer.concat(this.#kept).subarray(0, SHELL_LIMITS.inlineOutputBytes).toString("utf8");
  }

  /** The last 2 KiB of all. */
  get tail(): string {
    return this.#tail.toString("utf8");
  }

  /** The text is not all. */
  get truncated(): boolean {
    return this.#allBytes > Math.min(this.#keptBytes, SHELL_LIMITS.inlineOutputBytes);
  }

  /** What is kept, when that is more than the text; null otherwise. */
  get large(): Buffer | null {
    return this.#keptBytes > SHELL_LIMITS.inlineOutputBytes ? Buffer.concat(this.#kept) : null;
  }

  #add(chunk: Buffer): void {
    const room = this.maxBytes - this.#keptBytes;
    const kept = chunk.subarray(0, room);
    const wasWhole = this.#allBytes === this.#keptBytes;
    this.#allBytes += chunk.length;
    const { stderrTailBytes } = SHELL_LIMITS;
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-stderrTailBytes)]).subarray(-stderrTailBytes);
    if (kept.length > 0) {
      // A copy: the chunk may be a part of a larger buffer.
      this.#kept.push(Buffer.from(kept));
      this.#keptBytes += kept.length;
      this.#write(this.#decoder.write(kept));
    }
    if (wasWhole && kept.length < chunk.length) {
      this.#endLine();
      this.log.warn(
        { stream: this.name },
        `${this.name} is over ${this.maxBytes} bytes (maxOutputBytes); the rest is dropped`,
      );
    }
  }

  /** Nothing more comes. */
  #endLine(): void {
    this.#write(this.#decoder.end());
    if (this.#line !== "") this.#tell(this.#line);
    this.#line = "";
  }

  #write(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!;
    for (const line of lines) this.#tell(line);
    // A line without end is told in parts.
    while (this.#line.length > JOB_LIMITS.logLineBytes) {
      this.#tell(this.#line.slice(0, JOB_LIMITS.logLineBytes));
      this.#line = this.#line.slice(JOB_LIMITS.logLineBytes);
    }
  }

  #tell(line: string): void {
    this.log.info({ stream: this.name }, line.endsWith("\r") ? line.slice(0, -1) : line);
  }
}
