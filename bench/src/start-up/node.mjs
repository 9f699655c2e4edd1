// A node on an embedded store, which is ready, and then has answered a request.
import { readFile } from "node:fs/promises";
import { createNode } from "@aspen/node";
import { ready, tell } from "./loaded.mjs";

const { dataDir, installs, call, features = {} } = JSON.parse(process.argv[2]);
const node = await createNode({ config: { dataDir, listen: { port: 0 }, logLevel: "error", features } });
for (const plugin of installs ? JSON.parse(await readFile(installs, "utf8")) : []) {
  await node.inject("plugin.install", plugin);
}
const health = await fetch(`${node.url}${features.health === false ? "/healthz" : "/readyz"}`);
if (!health.ok) throw new Error(`${health.url}: ${health.status} ${await health.text()}`);
await health.arrayBuffer();
tell("ready");
const answer = await fetch(`${node.url}${call}`, { method: call === "/healthz" ? "GET" : "POST" });
if (!answer.ok) throw new Error(`${call}: ${answer.status} ${await answer.text()}`);
await answer.json();
await ready(() => node[Symbol.asyncDispose]());
