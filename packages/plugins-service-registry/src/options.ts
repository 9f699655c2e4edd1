import { z } from "zod";

/** Where the DNS listens: `127.0.0.1:8600`, `[::1]:8600`; port 0 is any that is free. */
const listen = z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+):\d{1,5}$/, "must be HOST:PORT");
const domain = z
  .string()
  .max(128)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, "must be a domain in lower case");
const name = z
  .string()
  .max(63)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/, "must be letters, digits and hyphens");

/** `features.service-registry` of a node's configuration. */
export const configSchema = z.strictObject({
  consul: z.boolean().default(true).describe("Answers Consul's HTTP API under /v1; on."),
  datacenter: name.default("dc1").describe("What Consul's clients and the DNS take for the data centre; dc1."),
  node: name.default("aspen").describe("The node that Consul's clients see services on; aspen."),
  address: z
    .string()
    .max(255)
    .optional()
    .describe("Address of a service whose registration by Consul's API names none; that at which the node listens."),
  checks: z.boolean().default(true).describe("Takes part in running HTTP and TCP checks; on."),
  registerNode: z.boolean().default(true).describe("Registers the node itself, as the service aspen-node; on."),
  dns: z
    .strictObject({
      listen: listen.describe("HOST:PORT to listen on, UDP and TCP."),
      domain: domain.default("consul").describe("Domain of the answers, as in web.service.consul; consul."),
      ttlSeconds: z.int().min(0).max(3600).default(0).describe("Seconds for which an answer may be kept; 0."),
    })
    .optional()
    .describe("Answers questions of the DNS about services; off."),
});

export type ServiceRegistryConfig = z.output<typeof configSchema>;
