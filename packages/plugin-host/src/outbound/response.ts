import type { Dispatcher } from "undici";
import { outboundErrors } from "./errors.js";
import type { RequestTime } from "./request-time.js";

type Answer = Dispatcher.ResponseData;

/** An answer, whose body comes as it is read. Read it to its end, or dispose of it; otherwise its time limit ends it. */
export class OutboundResponse implements AsyncDisposable {
  readonly status: number;
  /** Lower-case names, in the order of the answer; one that came twice is here twice. */
  readonly headers: readonly (readonly [string, string])[];
  /** Where the answer came from, redirects followed. */
  readonly url: string;
  readonly #answer: Answer;
  readonly #time: RequestTime;
  readonly #limit: number;
  #used = false;

  constructor(url: URL, answer: Answer, time: RequestTime, limit: number) {
    this.status = answer.statusCode;
    this.headers = headersOf(answer.headers);
    this.url = url.href;
    this.#answer = answer;
    this.#time = time;
    this.#limit = limit;
  }

  /** The first header of this name. */
  header(name: string): string | undefined {
    return this.headers.find(([one]) => one === name.toLowerCase())?.[1];
  }

  /**
   * The body's parts; it can be read once.
   * @throws AspenError `PAYLOAD_TOO_LARGE`, `OUTBOUND_TIMEOUT`, `OUTBOUND_UNREACHABLE`, `CANCELLED`
   */
  async *body(): AsyncGenerator<Uint8Array, void, void> {
    if (this.#used) throw outboundErrors.bodyUsed();
    this.#used = true;
    let bytes = 0;
    try {
      for await (const part of this.#answer.body as AsyncIterable<Uint8Array>) {
        bytes += part.length;
        if (bytes > this.#limit) throw this.#time.tooLarge(this.#limit);
        yield part;
      }
    } catch (error) {
      throw this.#time.failure(error);
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  /** The whole body. @throws AspenError as `body` */
  async bytes(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of this.body()) parts.push(part);
    return Buffer.concat(parts);
  }

  /** Ends the answer; what was not read is lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#used = true;
    this.#time.end();
    // A body that is not read to its end says so as an error, which nobody waits for.
    this.#answer.body.on("error", ignored).destroy();
  }
}

function ignored(): void {}

function headersOf(headers: Answer["headers"]): (readonly [string, string])[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? ""]).map((one) => [name, one] as const),
  );
}
