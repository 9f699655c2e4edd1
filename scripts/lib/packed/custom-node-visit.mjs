// Runs in the folder into which `custom-node.mjs` copied it, with what is installed there.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createNode } from "@aspen/node";
import { feature as greeter } from "./greeter.js";

const MIB = 1024 * 1024;
const TOTAL = 100 * MIB;

/** Bytes that may be on their way: both ends' sockets and streams, far from the whole. */
const MOST_UNDER_WAY = 40 * MIB;

const node = await createNode({
  config: {
    ...{ dataDir: "./visited", listen: { port: 0 }, logLevel: "warn" },
    features: { greeter: { greeting: "Good morning" } },
  },
  features: [greeter],
});

const say = (name) => fetch(`${node.url}/rpc/greeter.hello`, { method: "POST", body: JSON.stringify({ name }) });
assert.equal(await (await say("Ada")).json(), "Good morning, Ada!", "its configuration and its handler");
assert.equal((await say("")).status, 400, "its schema");
const metrics = await (await fetch(`${node.url}/metrics`)).text();
assert.match(metrics, /^aspen_greeter_greetings_total 2$/m, "its middleware and its metric");

const chunk = Buffer.alloc(MIB, 1);
let sent = 0;
let received = 0;
let mostUnderWay = 0;
function* source() {
  for (; sent < TOTAL; sent += chunk.length) {
    mostUnderWay = Math.max(mostUnderWay, sent - received);
    yield chunk;
  }
}
const call = request(new URL("/greeter/echo", node.url), { method: "PUT", agent: false });
/** Reads the answer while the rest is sent: neither would go on without the other. */
async function readAnswer() {
  const [response] = await once(call, "response");
  assert.equal(response.statusCode, 200);
  for await (const part of response) received += part.length;
}
await Promise.all([pipeline(Readable.from(source()), call), readAnswer()]);
assert.equal(received, TOTAL, "bytes that came back");
assert.ok(mostUnderWay < MOST_UNDER_WAY, `${mostUnderWay} bytes were under way at once`);
await node[Symbol.asyncDispose]();
