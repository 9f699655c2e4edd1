import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCall } from "../guest/host-call.js";
import { hostCallOverlapping } from "../guest/overlapping.js";
import { HttpHeaders } from "./http-headers.js";

/** What the host says of an answer. */
export interface HttpAnswer {
  handle: number;
  status: number;
  url: string;
  headers: [string, string][];
}

/**
 * An answer, as `Response` of the Fetch standard. Its body is read once: as a whole by `text`, `json` or `bytes`, or part by
 * part by `body`. It ends with the plugin's call; `cancel` ends it sooner.
 */
export class HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** Where it came from, redirects followed. */
  readonly url: string;
  readonly #handle: number;
  #used = false;

  constructor({ handle, status, url, headers }: HttpAnswer) {
    this.#handle = handle;
    this.status = status;
    this.url = url;
    this.headers = new HttpHeaders(headers);
  }

  /** True for a status from 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  /**
   * The body's parts as they come, at most 64 MiB of them.
   * @throws TypeError when it was read before; AspenError `PAYLOAD_TOO_LARGE`, `OUTBOUND_TIMEOUT`, `OUTBOUND_UNREACHABLE`
   */
  async *body(): AsyncGenerator<Uint8Array, void, void> {
    this.#use();
    let ended = false;
    try {
      for (;;) {
        // Whatever ends the reading, the host has closed it then.
        ended = true;
        const part = await this.#read();
        if (part === null) return;
        ended = false;
        yield part;
      }
    } finally {
      if (!ended) await this.#close();
    }
  }

  /** The whole body. @throws as `body` */
  async bytes(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of this.body()) {
      parts.push(part);
      length += part.length;
    }
    const bytes = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return bytes;
  }

  /** The whole body as UTF-8. @throws as `body` */
  async text(): Promise<string> {
    return decodeUtf8(await this.bytes());
  }

  /** The whole body as JSON. @throws SyntaxError when it is none; as `body` */
  async json<T = unknown>(): Promise<T> {
    return JSON.parse(await this.text()) as T;
  }

  /** Ends the answer without reading it. */
  async cancel(): Promise<void> {
    if (this.#used) return;
    this.#used = true;
    await this.#close();
  }

  #use(): void {
    if (this.#used) throw new TypeError("the body of an answer can be read once");
    this.#used = true;
  }

  async #read(): Promise<Uint8Array | null> {
    const part = await hostCallOverlapping("http_read", String(this.#handle));
    return part?.slice() ?? null;
  }

  async #close(): Promise<void> {
    await hostCall("http_close", String(this.#handle));
  }
}
