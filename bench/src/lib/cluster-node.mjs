// Runs one node until SIGTERM, for the benchmark of the cluster: `node cluster-node.mjs '{"config": …, "echo": true}'`.
import { POINTS } from "@aspen/feature";
import { createNode } from "@aspen/node";
import { method, methodsHandler } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { z } from "zod";

const { config, echo } = JSON.parse(process.argv[2]);
const methods = { "bench.echo": method({ summary: "", params: z.unknown(), handle: (params) => params }) };
const create = () => (echo ? methodsHandler({ name: "bench", priority: 500, methods }) : null);
const module = new ContainerModule(({ bind }) => {
  bind(POINTS.handlerFactory).toConstantValue({ name: "bench", priority: 500, create });
});
const feature = { name: "bench", config: z.strictObject({}), module: () => module };
const node = await createNode({ config, features: [feature] });
process.once("SIGTERM", () => node[Symbol.asyncDispose]());
process.stdout.write(`${node.url}\n`);
