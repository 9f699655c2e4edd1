import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6, type Server, type Socket } from "node:net";
import { type Logger, thrownError } from "@aspen/plugin-api";
import { registryErrors } from "../errors.js";
import type { ServiceView } from "../view/service-view.js";
import { answerOf, type DnsZone, RCODE } from "./dns-answer.js";
import { readMessage, udpBytesOf, writeMessage } from "./dns-message.js";

/** Connections at once, milliseconds without a question after which one is closed, and bytes of a question. */
const TCP = { connections: 128, idleMs: 10_000, questionBytes: 4096 };
const MOST_BYTES = 65_535;

export interface DnsServerOptions {
  host: string;
  /** 0: any that is free. */
  port: number;
  zone: DnsZone;
}

/** Answers questions about services over UDP and TCP. */
export class DnsServer implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly udp: UdpSocket,
    private readonly tcp: Server,
    private readonly view: ServiceView,
    private readonly zone: DnsZone,
    private readonly logger: Logger,
  ) {
    udp.on("message", (message, from) => void this.#onMessage(message, from));
    udp.on("error", (error) => logger.warn({ err: error }, "the DNS socket failed"));
    tcp.on("error", (error) => logger.warn({ err: error }, "the DNS listener failed"));
    tcp.on("connection", (socket) => this.#onConnection(socket));
  }

  /** @throws AspenError `CONFIG_INVALID` when the address cannot be listened on */
  static async open({ host, port, zone }: DnsServerOptions, view: ServiceView, logger: Logger): Promise<DnsServer> {
    for (let attempt = 0; ; attempt++) {
      const tcp = createServer();
      const udp = createSocket(isIPv6(host) ? "udp6" : "udp4");
      try {
        tcp.listen(port, host);
        await once(tcp, "listening");
        const taken = (tcp.address() as { port: number }).port;
        udp.bind(taken, host);
        await once(udp, "listening");
        return new DnsServer(udp, tcp, view, zone, logger);
      } catch (error) {
        tcp.close();
        udp.close();
        // A port that is free for TCP may be taken for UDP.
        if (port !== 0 || attempt >= 10) throw registryErrors.dnsAddress(host, port, error);
      }
    }
  }

  get port(): number {
    return this.udp.address().port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = Promise.all([once(this.udp, "close"), once(this.tcp, "close")]);
    this.udp.close();
    this.tcp.close();
    await closed;
  }

  async #onMessage(message: Buffer, { port, address }: RemoteInfo): Promise<void> {
    // What cannot be sent any more is asked for again.
    const send = (answer: Buffer) => this.udp.send(answer, port, address, () => undefined);
    const answer = await this.#answer(message, null);
    if (answer) send(answer);
  }

  async #answer(message: Buffer, most: number | null): Promise<Buffer | null> {
    const incoming = readMessage(message);
    if (!incoming) return null;
    if ("refusal" in incoming) return incoming.refusal;
    const { query } = incoming;
    const limit = most ?? udpBytesOf(query);
    try {
      await this.view.ready();
      return writeMessage(answerOf(query, this.view, this.zone), query, limit);
    } catch (error) {
      this.logger.warn({ err: thrownError(error) }, "a question of the DNS was not answered");
      const { id = 0, questions = [] } = query;
      return writeMessage({ type: "response", id, questions, flags: RCODE.serverFailure }, query, limit);
    }
  }

  #onConnection(socket: Socket): void {
    if (this.#sockets.size >= TCP.connections) return void socket.destroy();
    this.#sockets.add(socket);
    socket.setTimeout(TCP.idleMs, () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    // The other side is gone; there is nobody to tell.
    socket.on("error", () => undefined);
    void this.#serve(socket).catch((error: unknown) => {
      if (!socket.destroyed) this.logger.debug({ err: thrownError(error) }, "a DNS connection ended");
      socket.destroy();
    });
  }

  /** One question after the other, each behind its length (RFC 1035, 4.2.2). */
  async #serve(socket: Socket): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    for await (const part of socket) {
      rest = Buffer.concat([rest, part as Buffer]);
      while (rest.length >= 2) {
        const length = rest.readUInt16BE(0);
        if (length > TCP.questionBytes) return void socket.destroy();
        if (rest.length < 2 + length) break;
        const answer = await this.#answer(rest.subarray(2, 2 + length), MOST_BYTES);
        rest = rest.subarray(2 + length);
        if (!answer) return void socket.destroy();
        const head = Buffer.alloc(2);
        head.writeUInt16BE(answer.length);
        if (!socket.write(Buffer.concat([head, answer]))) await once(socket, "drain");
      }
    }
  }
}
