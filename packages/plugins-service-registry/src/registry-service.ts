import type { Service } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import type { DnsServer } from "./dns/dns-server.js";
import type { ServiceRegistryConfig } from "./options.js";
import type { Prober } from "./probes/prober.js";
import type { ServiceView } from "./view/service-view.js";

export interface RegistryServiceParts {
  view: ServiceView;
  prober: Prober | null;
  config: ServiceRegistryConfig;
  logger: Logger;
}

/** What the registry does on a node without being asked: checks, and the DNS. */
export class RegistryService implements Service {
  readonly name = "service-registry";
  readonly #parts: RegistryServiceParts;
  #dns: DnsServer | undefined;

  constructor(parts: RegistryServiceParts) {
    this.#parts = parts;
  }

  /** Port of the DNS; undefined when it is off. */
  get dnsPort(): number | undefined {
    return this.#dns?.port;
  }

  async start(): Promise<void> {
    const { config, prober, view, logger } = this.#parts;
    prober?.start();
    if (!config.dns) return;
    const { listen, domain, ttlSeconds: ttl } = config.dns;
    const at = listen.lastIndexOf(":");
    const host = listen.slice(0, at).replace(/^\[|\]$/g, "");
    const zone = { domain, datacenter: config.datacenter.toLowerCase(), ttl };
    const { DnsServer } = await import("./dns/dns-server.js");
    this.#dns = await DnsServer.open({ host, port: Number(listen.slice(at + 1)), zone }, view, logger);
    logger.info({ host, port: this.#dns.port, domain }, "answers questions of the DNS");
  }

  /** Whoever waits for a change gets what there is, and asks another node. */
  async drain(): Promise<void> {
    this.#parts.view.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dns?.[Symbol.asyncDispose]();
    await this.#parts.prober?.[Symbol.asyncDispose]();
    await this.#parts.view[Symbol.asyncDispose]();
  }
}
