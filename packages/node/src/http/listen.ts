import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { nodeErrors } from "../errors.js";

/** Starts to listen; returns the address. @throws AspenError `CONFIG_INVALID` when the port cannot be had */
export async function listen(server: FastifyInstance, { host, port }: { host: string; port: number }): Promise<string> {
  const bare = host.replace(/^\[|\]$/g, "");
  try {
    await server.listen({ host: bare, port });
  } catch (error) {
    throw nodeErrors.listenFailed(host, port, error);
  }
  const { address, family, port: bound } = server.server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${bound}`;
}
