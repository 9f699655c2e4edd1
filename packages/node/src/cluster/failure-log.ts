import type { Logger } from "@aspen/plugin-api";

/** One warning while the same goes wrong, and again when it had worked in between. */
export class FailureLog {
  #last = "";

  constructor(private readonly logger: Logger) {}

  readonly failed = (err: unknown): void => {
    const { code, message } = err as { code?: string; message?: string };
    const text = `${code} ${message}`;
    if (text !== this.#last) {
      this.logger.warn({ err }, "the cluster's members cannot be followed; it is tried again");
    }
    this.#last = text;
  };

  readonly recovered = (): void => {
    this.#last = "";
    this.logger.info({}, "the cluster's members are followed again");
  };
}
