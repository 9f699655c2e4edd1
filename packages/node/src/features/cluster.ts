import {
  type Announcement,
  type ClusterPeer,
  type ClusterPort,
  type Feature,
  type HostPort,
  MIDDLEWARE_ORDER,
  NODE,
  POINTS,
} from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import type { HandlerRegistry } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import type { Store } from "@aspen/storage";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { z } from "zod";
import { ClusterService } from "../cluster/cluster-service.js";
import { ClusterView } from "../cluster/cluster-view.js";
import { Forwarding } from "../cluster/forwarding.js";
import { LOOPBACK_TRUST, type NodeSigner, type NodeTrust, signedTrust } from "../cluster/node-trust.js";
import { peerTls } from "../cluster/peer-tls.js";
import { Transport } from "../cluster/transport.js";
import { NODE_PARTS } from "../composition/node-parts.js";
import type { AuthSettings } from "../config/auth-config.js";
import { nodeErrors } from "../errors.js";
import { clusterHandler } from "../handlers/cluster.js";
import { isLoopback } from "../http/loopback.js";
import { packageVersion } from "../package-version.js";

const configSchema = z
  .strictObject({
    forward: z.boolean().default(true).describe("Sends what this node cannot serve to one that can."),
    hops: z.int().min(1).max(8).default(3).describe("Times that a request may be passed on; 3."),
    address: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("URL at which other nodes reach this one; that at which it listens."),
    beatMs: z.int().min(10).max(3_600_000).optional().describe("Milliseconds between two signs of life; 2500."),
    ttlMs: z
      .int()
      .min(20)
      .max(86_400_000)
      .optional()
      .describe("Milliseconds of silence after which a node is gone; 7500."),
  })
  .refine(({ beatMs = 2500, ttlMs = 3 * beatMs }) => ttlMs >= 2 * beatMs, {
    path: ["ttlMs"],
    message: "must be at least twice beatMs",
  });

/** `features.cluster` of a node's configuration. */
export type ClusterConfig = z.output<typeof configSchema>;

/** Where nobody shares the store, a sign of life is worth a write now and then. */
const SOLE_BEAT_MS = 600_000;

const ADDRESS_RULE =
  "must be a loopback address while authentication is off (auth), as nodes then do not know each other";

const TRUST = Symbol("NodeTrust") as ServiceIdentifier<NodeTrust>;
const VIEW = Symbol("ClusterView") as ServiceIdentifier<ClusterView>;
const FORWARDING = Symbol("Forwarding") as ServiceIdentifier<Forwarding>;
const TRANSPORT = Symbol("Transport") as ServiceIdentifier<Transport>;

/** `cluster.nodes`, and requests that are passed on to the node which serves them. */
export const feature: Feature<ClusterConfig> = {
  name: "cluster",
  config: configSchema,
  module: ({ forward, hops, address, beatMs, ttlMs }) =>
    new ContainerModule(({ bind }) => {
      bind(TRUST)
        .toResolvedValue<[AuthSettings, NodeSigner | undefined]>(
          (auth, signer) => {
            if (address !== undefined && !auth.on && !isLoopback(new URL(address).hostname)) {
              throw nodeErrors.configInvalid([{ field: "features.cluster.address", rule: ADDRESS_RULE }]);
            }
            return signer ? signedTrust(signer, auth.on) : LOOPBACK_TRUST;
          },
          [NODE_PARTS.auth, { serviceIdentifier: NODE_PARTS.nodeSigner, optional: true }],
        )
        .inSingletonScope();
      bind(TRANSPORT)
        .toResolvedValue((tls) => new Transport(peerTls(tls)), [NODE_PARTS.tls])
        .inSingletonScope();
      bind(VIEW)
        .toResolvedValue((id: string, trust: NodeTrust) => new ClusterView(id, trust.mayReach), [NODE.id, TRUST])
        .inSingletonScope();
      bind(FORWARDING)
        .toResolvedValue(
          (
            id: string,
            registry: HandlerRegistry,
            view: ClusterView,
            transport: Transport,
            trust: NodeTrust,
            logger: Logger,
          ) => new Forwarding({ id, registry, view, transport, trust, logger, enabled: forward, hops }),
          [NODE.id, RPC.registry, VIEW, TRANSPORT, TRUST, NODE.log],
        )
        .inSingletonScope();
      bind(POINTS.middleware).toResolvedValue(
        ({ middleware }) => ({ name: "forward", order: MIDDLEWARE_ORDER.forward, handle: middleware }),
        [FORWARDING],
      );
      bind(POINTS.handlerFactory).toResolvedValue((id, view) => clusterHandler({ id, view }), [NODE.id, VIEW]);
      bind(POINTS.hostPort).toResolvedValue(
        (self, view): HostPort => {
          const peer = ({ id, version, state, healthy, features }: ClusterPeer) => ({
            id,
            version,
            state,
            healthy,
            features,
          });
          const service: ClusterPort = { info: () => ({ self, nodes: view.members().map(peer) }) };
          return { name: "cluster", service };
        },
        [NODE.id, VIEW],
      );
      bind(POINTS.service)
        .toResolvedValue<
          [
            string,
            string,
            Readonly<Record<string, boolean>>,
            Store,
            HandlerRegistry,
            ClusterView,
            Transport,
            Forwarding,
            Logger,
            Announcement[] | undefined,
          ]
        >(
          (
            id,
            url,
            flags,
            { kv, exclusive: sole = false },
            registry,
            view,
            transport,
            forwarding,
            logger,
            announced,
          ) => {
            const features = Object.keys(flags).filter((name) => flags[name]);
            const beat = beatMs ?? (sole && ttlMs === undefined ? SOLE_BEAT_MS : undefined);
            return new ClusterService({
              ...{ kv, registry, view, transport, logger, announcements: announced ?? [] },
              self: { id, address: address ?? reachable(url), version: packageVersion(), features },
              membership: {
                ...{ recordPrefix: "__sys:member:", beatPrefix: "__beats:", sole },
                ...(beat === undefined ? {} : { beatMs: beat }),
                ...(ttlMs === undefined ? {} : { ttlMs }),
              },
              load: () => forwarding.underWay,
            });
          },
          [
            ...([NODE.id, NODE.url, NODE.features, STORAGE.store, RPC.registry] as const),
            ...([VIEW, TRANSPORT, FORWARDING, NODE.log] as const),
            { serviceIdentifier: POINTS.announcement, isMultiple: true, optional: true },
          ],
        )
        .inSingletonScope();
      bind(POINTS.meter).toResolvedValue(
        (view) => ({
          name: "aspen_cluster_nodes",
          help: "Nodes that share the store, this one among them.",
          kind: "gauge" as const,
          collect: () => [{ value: view.members().length }],
        }),
        [VIEW],
      );
      bind(POINTS.meter).toResolvedValue(
        (forwarding) => ({
          name: "aspen_cluster_forwarded_total",
          help: "Requests that were sent to another node.",
          kind: "counter" as const,
          collect: () => [{ value: forwarding.forwarded }],
        }),
        [FORWARDING],
      );
    }),
};

/** Where others may reach the node: null when it listens on every address, as that names none. */
function reachable(url: string): string | null {
  return ["0.0.0.0", "[::]"].includes(new URL(url).hostname) ? null : url;
}
