import { type AspenError, type Clock, cut, LIMITS, type Logger, thrownError } from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import { LOG_LEVELS, type LogLevel, LogRing, type PluginLogLine } from "./log-ring.js";

/** Bytes of the fields of one line. */
const FIELDS_BYTES = 16 * 1024;

export interface PluginLogsOptions {
  /** Random for every start of the node: what its cursors are valid for. */
  nodeId: string;
  clock: Clock;
  /** Lines that are kept of one plugin. @default 1000 */
  maxLines?: number;
  /** Bytes of them, as JSON. @default 256 KiB */
  maxBytes?: number;
}

export interface ReadLogsOptions {
  /** Where the page before ended. @default the last lines */
  after?: string | undefined;
  /** Most lines. @default 100 */
  limit?: number | undefined;
  /** The least level. @default "debug" */
  level?: LogLevel | undefined;
}

export interface PluginLogPage {
  /** The node whose log it is. */
  node: string;
  /** The oldest first. */
  lines: PluginLogLine[];
  /** For the next page. */
  cursor: string;
  /** Lines that were dropped, to make room, since the cursor or since the node's start. */
  dropped: number;
}

/**
 * The last lines of each plugin's log on this node, whatever level the node itself logs. They are kept in memory, and for a
 * plugin that was removed as long as there is room for it: 64 plugins, those without news go first.
 */
export class PluginLogs {
  /** In the order of their last lines. */
  readonly #rings = new Map<string, LogRing>();

  constructor(private readonly options: PluginLogsOptions) {}

  /** A logger that also keeps here each line which names a plugin in its field `plugin`. */
  beside(logger: Logger): Logger {
    const both = (level: LogLevel) => (fields: object, message: string) => {
      logger[level](fields, message);
      this.#keep(level, fields as Record<string, unknown>, message);
    };
    return Object.fromEntries(LOG_LEVELS.map((level) => [level, both(level)])) as unknown as Logger;
  }

  /** True when there is a log of a plugin, also of one that was removed. */
  has(plugin: string): boolean {
    return this.#rings.has(plugin);
  }

  /**
   * A page of a plugin's log; an empty one when it has logged nothing.
   *
   * @throws AspenError `INVALID_PARAMS` for a cursor that is none
   */
  read(plugin: string, { after, limit = 100, level = "debug" }: ReadLogsOptions = {}): PluginLogPage {
    const { nodeId } = this.options;
    const ring = this.#rings.get(plugin) ?? this.#newRing();
    const { lines, last, dropped } = ring.read(this.#numberOf(after), limit, level);
    return { node: nodeId, lines, cursor: `${nodeId}:${last}`, dropped };
  }

  /** Null without a cursor; 0 for that of another node, or of this one before it was started anew: everything is new. */
  #numberOf(cursor: string | undefined): number | null {
    if (cursor === undefined) return null;
    const [, node, digits] = /^([\w-]{1,64}):(\d{1,15})$/.exec(cursor) ?? [];
    if (digits === undefined) throw pluginErrors.logCursor(cursor);
    return node === this.options.nodeId ? Number(digits) : 0;
  }

  #keep(level: LogLevel, { plugin, requestId, fields, err, ...rest }: Record<string, unknown>, message: string): void {
    if (typeof plugin !== "string") return;
    const all = { ...rest, ...(err === undefined ? {} : { error: told(err) }), ...(fields as object | undefined) };
    const ring = this.#rings.get(plugin) ?? this.#newRing();
    this.#rings.delete(plugin);
    this.#rings.set(plugin, ring);
    if (this.#rings.size > LIMITS.pluginsPerNode) this.#rings.delete(this.#rings.keys().next().value!);
    ring.add({
      ...{ at: this.options.clock.now(), level, message: cut(message, LIMITS.logMessageBytes) },
      ...(typeof requestId === "string" ? { requestId } : {}),
      ...(Object.keys(all).length > 0 ? { fields: bounded(all) } : {}),
    });
  }

  #newRing(): LogRing {
    const { maxLines = 1000, maxBytes = 256 * 1024 } = this.options;
    return new LogRing(maxLines, maxBytes);
  }
}

/** An error has no fields of its own in JSON. */
function told(error: unknown): { code?: string; message: string } {
  const { message, code } = thrownError(error) as Partial<AspenError> & Error;
  return { ...(typeof code === "string" ? { code } : {}), message: cut(message, LIMITS.logMessageBytes) };
}

function bounded(fields: Record<string, unknown>): Record<string, unknown> {
  try {
    const text = JSON.stringify(fields);
    const bytes = Buffer.byteLength(text);
    if (bytes <= FIELDS_BYTES) return fields;
    return { omitted: `fields of ${bytes} bytes of JSON` };
  } catch {
    return { omitted: "fields that are no JSON" };
  }
}
