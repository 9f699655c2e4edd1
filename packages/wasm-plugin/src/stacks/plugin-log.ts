import { decodeUtf8, encodeUtf8, hasBundlePosition, LIMITS } from "@aspen/plugin-api";
import type { GuestLogRecord, PluginHostContext } from "@aspen/plugin-host";
import { GuestLogs } from "./guest-logs.js";
import type { StackMapper } from "./stack-mapper.js";

/** Records that may wait for their stacks; one more is written as it is, out of its turn. */
const WAITING = 1000;
/** Milliseconds for which a map is not tried again after it could not be read. */
const RETRY_MS = 60_000;

/** Writes one plugin's records to the node's log, in order, with stacks in terms of its TypeScript. */
export class PluginLog {
  readonly #key: number;
  readonly #followers = new GuestLogs();
  #last: Promise<void> | null = null;
  #waiting = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #warned = false;

  constructor(
    private readonly host: PluginHostContext,
    private readonly module: WebAssembly.Module,
    private readonly mapper: StackMapper,
  ) {
    this.#key = mapper.nextKey();
  }

  /** From now on the records of this request go there as well. */
  tap(requestId: string, onRecord: (record: GuestLogRecord) => void): Disposable {
    return this.#followers.tap(requestId, onRecord);
  }

  /** Writes a record of the node's own about the plugin. */
  tell(record: object, requestId?: string): void {
    this.write(encodeUtf8(JSON.stringify(record)), requestId);
  }

  /** Writes a record as `log_write` takes it. */
  write(record: Uint8Array, requestId?: string): void {
    const work = record.length <= LIMITS.logRecordBytes && hasBundlePosition(decodeUtf8(record));
    if ((!work && !this.#last) || this.#waiting >= WAITING) {
      this.#put(record, requestId);
      return;
    }
    this.#waiting += 1;
    const turn = (this.#last ?? Promise.resolve()).then(async () => {
      this.#put(work ? await this.#mapped(record) : record, requestId);
      this.#waiting -= 1;
      if (this.#last === turn) this.#last = null;
    });
    this.#last = turn;
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    while (this.#last) await this.#last;
  }

  #put(record: Uint8Array, requestId?: string): void {
    void this.host.invoke("log_write", [record], { requestId });
    this.#followers.write(record, requestId);
  }

  async #mapped(bytes: Uint8Array): Promise<Uint8Array> {
    if (performance.now() - this.#failedAt < RETRY_MS) return bytes;
    const record = parseRecord(bytes);
    if (!record) return bytes;
    const answer = await this.mapper.map({
      key: this.#key,
      module: this.module,
      texts: [record.message, record.fields],
      mostCharacters: LIMITS.logMessageBytes,
    });
    if (answer === null) return bytes;
    if ("problem" in answer) {
      this.#failed(answer.problem);
      return bytes;
    }
    const [message, fields] = answer.texts as readonly [string, string];
    return encodeUtf8(JSON.stringify({ ...record.other, message, fields: JSON.parse(fields) ?? undefined }));
  }

  #failed(problem: string): void {
    this.#failedAt = performance.now();
    if (this.#warned) return;
    this.#warned = true;
    const message = "the plugin's source map cannot be used, so its stacks have the lines of its bundle";
    this.#put(encodeUtf8(JSON.stringify({ level: "warn", message: `${message}: ${problem.slice(0, 256)}` })));
  }
}

/** Null when it is not a record, which `log_write` will say. `fields` is JSON. */
function parseRecord(bytes: Uint8Array): { other: object; message: string; fields: string } | null {
  try {
    const { message, fields, ...other } = JSON.parse(decodeUtf8(bytes)) as Record<string, unknown>;
    return typeof message === "string" ? { other, message, fields: JSON.stringify(fields ?? null) } : null;
  } catch {
    return null;
  }
}
