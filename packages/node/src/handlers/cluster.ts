import { type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import { z } from "zod";
import { type ClusterView, covers } from "../cluster/cluster-view.js";

export interface ClusterHandlerOptions {
  /** Of this node. */
  id: string;
  view: Pick<ClusterView, "members">;
}

const names = z.array(z.string()).readonly();

const clusterNode = z.strictObject({
  id: z.string().describe("Random for every start."),
  incarnation: z.number().describe("Grows each time the node comes back after it was taken for dead."),
  self: z.boolean().describe("It is the node that answers."),
  address: z.string().nullable().describe("URL at which the other nodes reach it."),
  version: z.string(),
  state: z
    .enum(["serving", "draining"])
    .describe("A draining node ends what it has begun; no other sends it requests."),
  healthy: z.boolean().describe("False when its signs of life are overdue; soon after, it is not listed any more."),
  load: z.number().describe("Requests under way at its last sign of life."),
  methods: names.describe("Methods, and prefix.* patterns, that it serves now."),
  safeMethods: names.describe("Those of them that only read, which another node may be asked again."),
  features: names,
  jobTypes: names,
});

/** A node, as `cluster.nodes` answers it. */
export type ClusterNode = z.output<typeof clusterNode>;

/** `cluster.nodes`. */
export function clusterHandler(options: ClusterHandlerOptions): HandlerFactory {
  return methodsHandlerFactory({ name: "cluster", priority: 104, methods: () => clusterMethods(options) });
}

/** Params and results of the methods, from the table below. */
export type ClusterMethods = MethodsOf<ReturnType<typeof clusterMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends ClusterMethods {}
}

function clusterMethods({ id: own, view }: ClusterHandlerOptions) {
  return {
    "cluster.nodes": method({
      summary: "The nodes that share the store, and what each of them serves, as this node sees them.",
      params: z.strictObject({
        serving: z.string().max(256).optional().describe("Only those that serve this method."),
      }),
      result: z.strictObject({ nodes: z.array(clusterNode) }),
      safe: true,
      handle: ({ serving }) => ({
        nodes: view
          .members()
          .filter(({ methods }) => serving === undefined || covers(methods, serving))
          .map((member) => ({ ...member, self: member.id === own })),
      }),
    }),
  };
}
