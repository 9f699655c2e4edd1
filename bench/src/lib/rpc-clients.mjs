// The clients of the benchmark `rpc`, all in its own process: each makes callers, one for each connection.
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import moleculer from "moleculer";
import { Client } from "undici";

/** Reads a whole answer by undici's lowest interface, so that the client costs as little as it can. */
class Reader {
  constructor(resolve, reject) {
    this.resolve = resolve;
    this.reject = reject;
    this.status = 0;
  }

  onRequestStart() {}

  onResponseStart(_controller, status) {
    this.status = status;
  }

  onResponseData() {}

  onResponseEnd() {
    if (this.status === 200) this.resolve();
    else this.reject(new Error(`status ${this.status}`));
  }

  onResponseError(_controller, error) {
    this.reject(error);
  }
}

export function httpCallers(url, params, count) {
  const { origin, pathname } = new URL(url);
  const body = JSON.stringify(params);
  const headers = { "content-type": "application/json" };
  const clients = Array.from({ length: count }, () => new Client(origin));
  const callers = clients.map(
    (client) => () =>
      new Promise((resolve, reject) => {
        client.dispatch({ path: pathname, method: "POST", headers, body }, new Reader(resolve, reject));
      }),
  );
  return { callers, close: () => Promise.all(clients.map((client) => client.close())) };
}

export function grpcCallers(address, params, count) {
  const { Echo } = grpc.loadPackageDefinition(
    loadSync(fileURLToPath(new URL("./rpc-echo.proto", import.meta.url))),
  ).bench;
  // Its clients share a connection unless they are told not to.
  const own = { "grpc.use_local_subchannel_pool": 1 };
  const clients = Array.from({ length: count }, () => new Echo(address, grpc.credentials.createInsecure(), own));
  const callers = clients.map(
    (client) => () =>
      new Promise((resolve, reject) => client.Call(params, (error) => (error ? reject(error) : resolve()))),
  );
  return { callers, close: async () => clients.forEach((client) => void client.close()) };
}

export async function moleculerCallers(ports, params, count) {
  const broker = new moleculer.ServiceBroker({
    ...{ nodeID: "client", logger: false },
    transporter: {
      type: "TCP",
      options: { udpDiscovery: false, port: ports.client, urls: [`tcp://127.0.0.1:${ports.server}/server`] },
    },
  });
  await broker.start();
  await broker.waitForServices("bench");
  // It has one connection for all.
  const callers = Array.from({ length: count }, () => () => broker.call("bench.noop", params));
  return { callers, close: () => broker.stop() };
}
