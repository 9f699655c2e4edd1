// A server of one route, which has answered a request.
import fastify from "fastify";
import { asked, ready } from "./loaded.mjs";

const server = fastify();
server.post("/rpc/:method", async (request) => ({ method: request.params.method }));
const url = await server.listen({ host: "127.0.0.1", port: 0 });
await asked(`${url}/rpc/echo`, "POST");
await ready(() => server.close());
