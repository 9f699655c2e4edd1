// A node on an embedded store, which is ready, and then has answered a request.
import { readFile } from "node:fs/promises";
import { createNode } from "@aspen/node";
import { asked, ready, tell } from "./loaded.mjs";

const { dataDir, installs, call, features = {} } = JSON.parse(process.argv[2]);
const node = await createNode({ config: { dataDir, listen: { port: 0 }, logLevel: "error", features } });
for (const plugin of installs ? JSON.parse(await readFile(installs, "utf8")) : []) {
  await node.inject("plugin.install", plugin);
}
await asked(`${node.url}${features.health === false ? "/healthz" : "/readyz"}`);
tell("ready");
await asked(`${node.url}${call}`, call === "/healthz" ? "GET" : "POST");
await ready(() => node[Symbol.asyncDispose]());
