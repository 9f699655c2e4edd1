import { encodeUtf8, jsonNestsDeeper, LIMITS } from "@aspen/plugin-api/abi";
import { LineLimit, type LogLevel, type PluginHostContext } from "@aspen/plugin-host";

/** hclog's levels, which Go plugins write, as those of a node's log. */
const LEVELS: Record<string, LogLevel> = { trace: "debug", debug: "debug", info: "info", warn: "warn", error: "error" };

/** What a process writes to its output and errors, in the node's log under the plugin's name, no more than anybody reads. */
export class OutputLog {
  readonly #limit = new LineLimit();

  constructor(private readonly host: Pick<PluginHostContext, "invoke">) {}

  line(stream: "stdout" | "stderr", line: string): void {
    const leftOut = this.#limit.pass();
    if (leftOut === null) return;
    const { level, message, fields } = recordOf(line);
    this.tell(level ?? "info", message, { ...fields, stream, ...(leftOut > 0 ? { leftOut } : {}) });
  }

  tell(level: LogLevel, message: string, fields: object = {}): void {
    void this.host.invoke("log_write", [encodeUtf8(JSON.stringify({ level, message, fields }))]);
  }
}

interface LineRecord {
  level?: LogLevel | undefined;
  message: string;
  fields?: Record<string, unknown>;
}

/** A line of hclog's JSON, or any other one. */
function recordOf(line: string): LineRecord {
  if (!line.startsWith("{") || jsonNestsDeeper(line, LIMITS.jsonDepth)) return { message: line };
  try {
    const { "@level": level, "@message": message, "@timestamp": _at, ...fields } = JSON.parse(line);
    return typeof message === "string" ? { level: LEVELS[String(level)], message, fields } : { message: line };
  } catch {
    // It only looked like JSON.
    return { message: line };
  }
}
