import { type AspenError, isAspenError } from "@aspen/plugin-api/abi";
import { outboundErrors } from "./errors.js";

/** The time of one request, from its start to the last byte of its answer, and what ended it before. It is one of `open` as long. */
export class RequestTime {
  /** Where the request is; a redirect changes it. */
  url: URL;
  readonly #timeoutMs: number;
  readonly #outer: AbortSignal | undefined;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #cancel = () => this.#abort.abort(outboundErrors.cancelled(this.url));

  constructor(
    url: URL,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    private readonly open: Set<RequestTime>,
  ) {
    this.url = url;
    open.add(this);
    this.#timeoutMs = timeoutMs;
    this.#outer = signal;
    this.#timer = setTimeout(() => this.#abort.abort(outboundErrors.timedOut(this.url, timeoutMs)), timeoutMs);
    if (signal?.aborted) this.#cancel();
    else signal?.addEventListener("abort", this.#cancel, { once: true });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the request, which fails with this. */
  abort(reason: AspenError): void {
    this.#abort.abort(reason);
  }

  end(): void {
    this.open.delete(this);
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#cancel);
  }

  tooLarge(limit: number): AspenError {
    return outboundErrors.responseTooLarge(this.url, limit);
  }

  /** What a failure of the HTTP client means. */
  failure(error: unknown): AspenError {
    if (this.signal.aborted) return this.signal.reason as AspenError;
    if (isAspenError(error)) return error;
    const { code = "" } = error as { code?: string };
    if (code === "UND_ERR_HEADERS_OVERFLOW") return outboundErrors.headersTooLarge(this.url, error);
    if (code === "UND_ERR_CONNECT_TIMEOUT") return outboundErrors.timedOut(this.url, this.#timeoutMs);
    if (CERTIFICATE.test(code)) return outboundErrors.certificate(this.url, error);
    return outboundErrors.unreachable(this.url, error);
  }
}

/** Codes of Node and of OpenSSL's X509_V_ERR for a certificate that is refused. */
const CERTIFICATE =
  /^(ERR_TLS_CERT|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH)/;
