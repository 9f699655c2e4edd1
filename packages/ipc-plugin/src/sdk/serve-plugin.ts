import { join } from "node:path";
import { GUEST, type Guest, type GuestFactory } from "@aspen/plugin-api/abi";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { COOKIE, handshakeLine } from "../rpc/handshake.js";
import type { CallReply, CallRequest, ConnInfo, InfoReply, InfoRequest } from "../rpc/messages.js";
import { METHODS } from "../rpc/method-names.js";
import { CHANNEL_OPTIONS, GRPCBroker, GRPCController, Health, Plugin } from "../rpc/services.js";
import { mintIdentity } from "../tls/certificate.js";
import { HostConnections } from "./host-connections.js";
import { ServedGuest } from "./served-guest.js";

/**
 * Serves a plugin, as `definePlugin` returns it, to the node that started this process. The process ends when the node
 * says so, or is no more.
 *
 * @throws Error when no node has started this process, or what is given is no plugin
 */
export async function servePlugin(plugin: unknown): Promise<void> {
  const factory = (plugin as { [GUEST]?: GuestFactory } | null | undefined)?.[GUEST];
  if (typeof factory !== "function")
    throw new Error("it is no plugin: `export default definePlugin({ handlers: { … } })`");
  const { PLUGIN_UNIX_SOCKET_DIR: folder, PLUGIN_CLIENT_CERT: hostPem, [COOKIE.name]: cookie } = process.env;
  if (cookie !== COOKIE.value || folder === undefined || hostPem === undefined) {
    throw new Error("this program is a plugin; a node starts it: `aspen plugin install DIR`");
  }
  process.stdin.on("end", () => process.exit(0)).resume();
  const own = await mintIdentity();
  const hosts = new HostConnections(own, hostPem);
  let guest: ServedGuest | null = null;
  const server = new Server(CHANNEL_OPTIONS);
  server.addService(Plugin.service, {
    Info: ({ request }: ServerUnaryCall<InfoRequest, InfoReply>, reply: sendUnaryData<InfoReply>) => {
      const { name, version, api_version } = request;
      const made: Guest = factory({ name, version, api_version });
      guest = new ServedGuest(made, hosts.open(request.host_service), request);
      reply(null, guest.info());
    },
    ...Object.fromEntries(
      Object.entries(METHODS).map(([name, method]) => [
        method,
        (call: ServerUnaryCall<CallRequest, CallReply>, reply: sendUnaryData<CallReply>) => {
          const served = guest;
          if (!served) return reply(new Error("Info comes first"));
          void served.run(name as keyof typeof METHODS, call).then((answer) => reply(null, answer));
        },
      ]),
    ),
  });
  server.addService(GRPCBroker.service, {
    StartStream: (stream: ServerDuplexStream<ConnInfo, ConnInfo>) => {
      stream.on("data", (info: ConnInfo) => hosts.announced(info));
      stream.on("end", () => stream.end());
    },
  });
  server.addService(GRPCController.service, {
    Shutdown: (_call: unknown, reply: sendUnaryData<object>) => {
      reply(null, {});
      server.tryShutdown(() => process.exit(0));
    },
  });
  server.addService(Health.service, {
    Check: (_call: unknown, reply: sendUnaryData<object>) => reply(null, { status: "SERVING" }),
  });
  const path = join(folder, "plugin.sock");
  const key = { private_key: Buffer.from(own.keyPem), cert_chain: Buffer.from(own.certificatePem) };
  const credentials = ServerCredentials.createSsl(Buffer.from(hostPem), [key], true);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, credentials, (error) => (error ? reject(error) : resolve()));
  });
  process.stdout.write(`${handshakeLine({ path, certificate: own.certificate })}\n`);
}
