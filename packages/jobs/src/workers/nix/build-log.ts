import { cut, type Logger } from "@aspen/plugin-api";

/** Types of activities and results in nix's `internal-json` log (nix, `src/libutil/logging.hh`). */
const BUILD = 105;
const BUILD_LOG_LINE = 101;
const POST_BUILD_LOG_LINE = 107;
const WARNING = 1;

/** Characters of a line, and lines, that an error shows. */
const LINE_CHARACTERS = 1024;
const TAIL_LINES = 20;

/** Bytes of stderr that may wait for the end of their line; a longer line is cut. */
const LINE_BYTES = 64 * 1024;

interface Event {
  action?: unknown;
  type?: unknown;
  level?: unknown;
  fields?: unknown;
  text?: unknown;
  msg?: unknown;
  raw_msg?: unknown;
}

/** Reads nix's `internal-json` log, and tells the job's log what people want to know of it. */
export class BuildLog {
  /** A builder was started: what fails from then on is the build, and not its description. */
  building = false;
  #left = "";
  #error: string | null = null;
  readonly #tail: string[] = [];

  constructor(private readonly log: Logger) {}

  /** The last error, or the last line. */
  get problem(): string {
    return this.#error ?? this.#tail.at(-1) ?? "it said nothing";
  }

  get tail(): string {
    return this.#tail.join("\n");
  }

  write(text: string): void {
    const lines = (this.#left + text).split("\n");
    this.#left = lines.pop()!.slice(0, LINE_BYTES);
    for (const line of lines) this.#line(line);
  }

  end(): void {
    if (this.#left !== "") this.#line(this.#left);
    this.#left = "";
  }

  #line(line: string): void {
    if (!line.startsWith("@nix ")) {
      if (line.trim() !== "") this.#said("warn", line);
      return;
    }
    let event: Event;
    try {
      event = JSON.parse(line.slice(5)) as Event;
    } catch {
      // One that was cut.
      this.#said("info", line.slice(5));
      return;
    }
    const { action, type, fields, text } = event;
    if (action === "result" && (type === BUILD_LOG_LINE || type === POST_BUILD_LOG_LINE)) {
      this.#said("info", Array.isArray(fields) ? String(fields[0]) : "");
    } else if (action === "start" && type === BUILD) {
      this.building = true;
      this.#said("info", String(text));
    } else if (action === "msg") this.#message(event);
  }

  #message({ level, raw_msg: raw, msg }: Event): void {
    const text = plain(String(msg ?? ""));
    if (level === 0) {
      if (raw !== undefined) this.#error = cut(plain(String(raw)), 4096);
      this.#said("error", text);
    } else this.#said(level === WARNING ? "warn" : "info", text);
  }

  #said(level: "info" | "warn" | "error", text: string): void {
    const line = cut(plain(text), LINE_CHARACTERS);
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    this.log[level]({}, line);
  }
}

/** Without the colours of a terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape begins a colour.
  return text.replace(/\u001b\[[0-9;]*m/g, "");
}
