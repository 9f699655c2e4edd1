import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A plain TCP balancer: each connection goes to the next address that takes it. It knows nothing of HTTP. */
export class Balancer implements AsyncDisposable {
  readonly #server: Server = createServer((client) => this.#join(client, this.addresses.length));
  readonly #open = new Set<Socket>();
  #turn = 0;

  constructor(readonly addresses: string[]) {}

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #join(client: Socket, left: number): void {
    const url = this.addresses[this.#turn++ % this.addresses.length];
    if (!url || left === 0) return void client.destroy();
    const node = connect(Number(new URL(url).port), "127.0.0.1");
    for (const socket of [client, node]) this.#open.add(socket);
    let connected = false;
    node.once("connect", () => {
      connected = true;
      client.pipe(node).pipe(client);
    });
    node.on("error", () => (connected ? client.destroy() : this.#join(client, left - 1)));
    client.on("error", () => node.destroy());
    for (const socket of [client, node]) socket.once("close", () => this.#open.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }
}
