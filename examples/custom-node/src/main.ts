import { createNode } from "@aspen/node";
import { feature as greeter } from "./greeter.js";

const node = await createNode({
  config: { dataDir: "./data", listen: { port: 7070 }, features: { greeter: { greeting: "Good morning" } } },
  features: [greeter],
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => node[Symbol.asyncDispose]());
console.log(`ready on ${node.url}`);
