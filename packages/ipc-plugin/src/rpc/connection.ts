import { Client, credentials, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import { certificatePem, type Identity } from "../tls/certificate.js";
import type { ConnInfo, StdioData } from "./messages.js";
import { CHANNEL_OPTIONS, GRPCBroker, GRPCStdio } from "./services.js";

export interface UnaryOptions {
  /** Milliseconds; the call fails with DEADLINE_EXCEEDED after them. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** A connection to the other process: only to the one that has the key of `theirs`. */
export class Connection {
  readonly #client: Client;

  constructor(path: string, own: Identity, theirs: Uint8Array) {
    const key = Buffer.from(own.keyPem);
    const chain = Buffer.from(own.certificatePem);
    const secure = credentials.createSsl(Buffer.from(certificatePem(theirs)), key, chain);
    this.#client = new Client(`unix:${path}`, secure, CHANNEL_OPTIONS);
  }

  /** One call. @throws ServiceError of grpc-js */
  unary<Q, A>(definition: MethodDefinition<object, object>, request: Q, options: UnaryOptions = {}): Promise<A> {
    const { timeoutMs, signal } = options;
    return new Promise((resolve, reject) => {
      const limit = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
      const { path, requestSerialize, responseDeserialize } = definition;
      const done = (error: ServiceError | null, answer?: object) => {
        signal?.removeEventListener("abort", cancel);
        if (error) reject(error);
        else resolve(answer as A);
      };
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request as object,
        limit,
        done,
      );
      const cancel = () => call.cancel();
      if (signal?.aborted) cancel();
      else signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  /** Tells go-plugin's broker at the other end where a service of this one listens. */
  announce(info: ConnInfo): void {
    const { path, requestSerialize, responseDeserialize } = GRPCBroker.service.StartStream!;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    // It ends with the process, of which the exit tells.
    stream.on("error", () => undefined);
    stream.resume();
    stream.write(info);
  }

  /** What go-plugin's own servers send of the output of the process, which must be read. Others have no such service. */
  readOutput(onData: (data: StdioData) => void): void {
    const { path, requestSerialize, responseDeserialize } = GRPCStdio.service.StreamStdio!;
    const stream = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
    stream.on("data", onData);
    stream.on("error", () => undefined);
  }

  close(): void {
    this.#client.close();
  }
}
