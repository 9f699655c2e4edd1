import "reflect-metadata";
import { type Authenticator, type Clock, type Feature, given, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import { readOfficialPlugin } from "@aspen/plugin-host";
import { PLUGIN_HOST } from "@aspen/plugin-host/feature";
import type { Store } from "@aspen/storage";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { z } from "zod";
import { Gateway } from "./gateway/gateway.js";
import { gatewayHandler } from "./gateway/info-handler.js";
import { reservedPrefixes } from "./reserved-prefixes.js";

const GATEWAY = Symbol("Gateway") as ServiceIdentifier<Gateway>;

const configSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Where git clients reach the node; the address at which it listens."),
  cacheDirectory: z.string().min(1).optional().describe("Folder for bare repositories; it may be deleted at any time."),
  cacheBytes: z.int().min(0).optional().describe("Bytes of that folder that are kept for later; 10 GiB."),
  pushBytes: z.int().min(1).optional().describe("Most bytes of the pack of one push; 2 GiB."),
  gitMs: z.int().min(1000).max(86_400_000).optional().describe("Milliseconds for one git process; 1,800,000."),
  cpuSeconds: z.int().min(1).max(86_400).optional().describe("Processor seconds of one git process; 600."),
  memoryBytes: z
    .int()
    .min(64 * 1024 * 1024)
    .optional()
    .describe("Bytes of memory of one git process; 1 GiB."),
  processes: z.int().min(1).max(1000).optional().describe("Requests that run git at once; 8."),
  compactPacks: z.int().min(2).max(400).optional().describe("Packs of a repository that are put together; 32."),
  waiting: z.int().min(0).max(100_000).optional().describe("Requests that may wait for git; 256."),
});

/** `features.forge` of a node's configuration. */
export type ForgeConfig = z.output<typeof configSchema>;

const UTIL_LINUX = { purpose: "to bound what git does", install: "apt-get install util-linux" };

/** Hosts git repositories: the official plugin `forge`, and what git clients reach at `/git`. */
export const feature: Feature<ForgeConfig> = {
  name: "forge",
  requires: ["plugins-wasm"],
  config: configSchema,
  tools: () => [
    { command: "git", version: ">=2.39", purpose: "to serve git clients", install: "apt-get install git" },
    { command: "prlimit", ...UTIL_LINUX },
    { command: "setpriv", ...UTIL_LINUX },
  ],
  async module(config) {
    // The same folder for src/feature.ts and dist/feature.js.
    const folder = new URL("../dist/plugin/", import.meta.url);
    const plugin = await readOfficialPlugin({ feature: "forge", folder, reservedPrefixes });
    return new ContainerModule(({ bind }) => {
      bind(PLUGIN_HOST.officialPlugin).toConstantValue(plugin);
      bind(GATEWAY)
        .toResolvedValue<[Store, Clock, Logger, string, Authenticator[] | undefined]>(
          ({ kv, blobs }, clock, log, url, authenticators = []) =>
            new Gateway({ kv, blobs, clock, log, authenticators, url: () => url }, given(config)),
          [
            ...([STORAGE.store, NODE.clock, NODE.log, NODE.url] as const),
            { serviceIdentifier: POINTS.authenticator, isMultiple: true, optional: true },
          ],
        )
        .inSingletonScope();
      bind(POINTS.service).toService(GATEWAY);
      bind(POINTS.handlerFactory).toResolvedValue(({ parts }) => gatewayHandler(parts.url), [GATEWAY]);
      bind(POINTS.httpMount).toResolvedValue(({ mount }) => mount, [GATEWAY]);
    });
  },
};
