// One contender of the benchmark `rpc` until SIGTERM: `node rpc-server.mjs '{"kind": …}'`; prints where it listens.
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const given = JSON.parse(process.argv[2]);

const kinds = {
  /** Reads JSON, writes JSON. */
  async http() {
    const server = createServer((request, response) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const body = JSON.stringify(JSON.parse(Buffer.concat(parts).toString()));
        response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
        response.end(body);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${server.address().port}/rpc/bench.noop`;
  },
  /** As most use it: with schemas of params and result. */
  async fastify() {
    const { default: fastify } = await import("fastify");
    const server = fastify();
    const text = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
    const schema = { body: text, response: { 200: text } };
    server.post("/rpc/:method", { schema }, async (request) => request.body);
    return `${await server.listen({ port: 0, host: "127.0.0.1" })}/rpc/bench.noop`;
  },
  async grpc() {
    const [grpc, loader] = await Promise.all([import("@grpc/grpc-js"), import("@grpc/proto-loader")]);
    const proto = loader.loadSync(fileURLToPath(new URL("./rpc-echo.proto", import.meta.url)));
    const { Echo } = grpc.default.loadPackageDefinition(proto).bench;
    const server = new grpc.default.Server();
    server.addService(Echo.service, { Call: ({ request }, callback) => callback(null, request) });
    const credentials = grpc.default.ServerCredentials.createInsecure();
    const bound = await new Promise((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", credentials, (error, port) => (error ? reject(error) : resolve(port))),
    );
    return `127.0.0.1:${bound}`;
  },
  async moleculer() {
    const { default: moleculer } = await import("moleculer");
    const { ports } = given;
    const broker = new moleculer.ServiceBroker({
      ...{ nodeID: "server", logger: false },
      transporter: {
        type: "TCP",
        options: { udpDiscovery: false, port: ports.server, urls: [`tcp://127.0.0.1:${ports.client}/client`] },
      },
    });
    broker.createService({
      name: "bench",
      actions: { noop: { params: { text: "string" }, handler: ({ params }) => params } },
    });
    await broker.start();
    return `127.0.0.1:${ports.server}`;
  },
  /** With validation, metrics and what else a node has by default. */
  async node() {
    const [{ POINTS }, { createNode }, { method, methodsHandler }, { ContainerModule }, { z }] = await Promise.all(
      ["@aspen/feature", "@aspen/node", "@aspen/rpc-core", "inversify", "zod"].map((name) => import(name)),
    );
    const text = z.strictObject({ text: z.string() });
    const methods = { "native.noop": method({ summary: "", params: text, result: text, handle: (params) => params }) };
    const create = () => methodsHandler({ name: "bench", priority: 500, methods });
    const module = new ContainerModule(({ bind }) => {
      bind(POINTS.handlerFactory).toConstantValue({ name: "bench", priority: 500, create });
    });
    const feature = { name: "bench", config: z.strictObject({}), module: () => module };
    const config = { dataDir: given.dataDir, listen: { port: 0 }, logLevel: "warn" };
    const node = await createNode({ config, features: [feature] });
    process.once("SIGTERM", () => void node[Symbol.asyncDispose]().then(() => process.exit()));
    return node.url;
  },
};

const url = await kinds[given.kind]();
if (given.kind !== "node") process.once("SIGTERM", () => process.exit());
process.stdout.write(`${url}\n`);
