// What it costs to be one of many nodes: on the store, and for a request that another node answers.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { Membership } from "@aspen/layers";
import { remoteClient } from "@aspen/rpc-core/remote";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { Redis } from "ioredis";
import { inFlight, measure } from "./lib/measure.mjs";
import { pluginReach } from "./lib/plugin-reach.mjs";
import { digits, judged, publish } from "./lib/report.mjs";

const NOTES = [
  "Operations are commands as clients send them to Redis, seen by MONITOR; what a script does inside the server is one of them.",
  "An idle node looks once a second for what expires; the rest are its signs of life, its looks at those of others, and the safety nets of two watches.",
  "The other members of a large cluster are simulated: their records lie in the store, and another client writes their signs of life. What a node does depends on nothing else.",
  "A plugin's change is asked for on one node, while another one is asked for the plugin's state over HTTP again and again; both share the machine with the one that asks. Enabling has the start of the plugin in it, which one node does after the other.",
  "A forwarded call goes through two nodes, each a process of its own beside the client's, on a machine of two cores.",
];
const WIDTHS = [1, 16];
const SIZES = [1, 10, 100, 1000];
const WINDOW_MS = 15_000;
const KILLS = 3;
const CPU_CALLS = 4000;
const NODE = fileURLToPath(new URL("./lib/cluster-node.mjs", import.meta.url));
const PREFIXES = { recordPrefix: "__sys:member:", beatPrefix: "__beats:" };

const { values: flags } = parseArgs({ options: { save: { type: "boolean", default: false } } });

async function startNode(redisUrl, echo = false) {
  const config = { redisUrl, listen: { port: 0 }, logLevel: "warn" };
  const child = spawn(process.execPath, [NODE, JSON.stringify({ config, echo })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const url = String(line).trim();
  return { child, url, client: remoteClient({ url }) };
}

async function stop({ child }, signal = "SIGTERM") {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

/** Commands per second that clients send, but those whose addresses are given. */
async function commands(url, but = new Set()) {
  const redis = new Redis(url);
  const monitor = await redis.monitor();
  const counts = new Map();
  monitor.on("monitor", (_time, [name], source) => {
    if (source !== "lua" && !but.has(source)) counts.set(name, (counts.get(name) ?? 0) + 1);
  });
  await delay(WINDOW_MS);
  monitor.disconnect();
  redis.disconnect();
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return (all * 1000) / WINDOW_MS;
}

async function untilNodes({ client }, count) {
  while ((await client.call("cluster.nodes")).nodes.length !== count) await delay(20);
}

async function idle() {
  const server = await RedisServer.start();
  const nodes = [];
  try {
    for (let at = 0; at < 3; at += 1) nodes.push(await startNode(server.url));
    await untilNodes(nodes[0], 3);
    await delay(3000);
    const perSecond = await commands(server.url);
    const noticed = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const started = performance.now();
      await stop(nodes.pop(), "SIGKILL");
      await untilNodes(nodes[0], 2);
      noticed.push((performance.now() - started) / 1000);
      nodes.push(await startNode(server.url));
      await untilNodes(nodes[0], 3);
    }
    return { perSecond, noticed };
  } finally {
    await Promise.all(nodes.map((node) => stop(node)));
    await server[Symbol.asyncDispose]();
  }
}

const info = (id) => ({
  ...{ id, address: "http://127.0.0.1:1/", version: "1.0.0", state: "serving" },
  methods: Array.from({ length: 40 }, (_, at) => `method.${at}`),
  ...{ safeMethods: [], features: ["kv", "blob", "cluster"], jobTypes: [] },
});

/** Commands per second of one member among `size`. */
async function membership(size) {
  const server = await RedisServer.start();
  const others = await RedisStore.open({ url: server.url });
  const ended = new AbortController();
  let beats = Promise.resolve();
  try {
    const ids = Array.from({ length: size - 1 }, (_, at) => `other-${at}`);
    const encode = (value) => new TextEncoder().encode(JSON.stringify(value));
    const beat = async (id) =>
      void (await others.kv.put(PREFIXES.beatPrefix + id, encode({ incarnation: 1, load: 0 })));
    for (const id of ids) {
      await others.kv.put(PREFIXES.recordPrefix + id, encode({ ...info(id), incarnation: 1 }));
      await beat(id);
    }
    const beating = async () => {
      while (!ended.signal.aborted) {
        const next = delay(2500);
        const left = [...ids];
        await inFlight(16, ids.length, () => beat(left.pop()));
        await next;
      }
    };
    const redis = new Redis(server.url);
    const list = await redis.client("LIST");
    redis.disconnect();
    const but = new Set([...list.matchAll(/ addr=(\S+)/g)].map(([, address]) => address));
    beats = beating();
    const store = await RedisStore.open({ url: server.url });
    const member = await Membership.open(store.kv, PREFIXES);
    try {
      await member.join(info("measured"));
      await delay(3000);
      const perSecond = await commands(server.url, but);
      if (member.members().length !== size) throw new Error(`${member.members().length} members of ${size}`);
      return perSecond;
    } finally {
      await member[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    }
  } finally {
    ended.abort();
    await beats;
    await others[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }
}

/** Processor time in µs per call of this process and the nodes: what others do on the machine is none of it. */
async function processorTime(nodes, work) {
  const spent = async () => {
    const { user, system } = process.cpuUsage();
    const texts = await Promise.all(nodes.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    const seconds = texts.map((text) => Number(/^process_cpu_seconds_total (\S+)/m.exec(text)[1]));
    return user + system + seconds.reduce((sum, it) => sum + it) * 1e6;
  };
  const before = await spent();
  await work();
  return ((await spent()) - before) / CPU_CALLS;
}

async function forwarding() {
  const server = await RedisServer.start();
  const nodes = [await startNode(server.url), await startNode(server.url, true)];
  try {
    await untilNodes(nodes[0], 2);
    const params = { text: "hello" };
    const [other, own] = nodes.map(
      ({ client }) =>
        () =>
          client.call("bench.echo", params),
    );
    // A node that has just started compiles what it runs: this is about one that runs.
    for (const once of [own, other]) await inFlight(16, CPU_CALLS, once);
    const rows = [];
    for (const width of WIDTHS) {
      const wide = (once) => (count) => inFlight(width, count, once);
      const { local, forwarded } = await measure({ local: wide(own), forwarded: wide(other) });
      rows.push({ width, local: local.median, forwarded: forwarded.median, ratio: forwarded.median / local.median });
    }
    const cpu = {
      local: await processorTime(nodes, () => inFlight(16, CPU_CALLS, own)),
      forwarded: await processorTime(nodes, () => inFlight(16, CPU_CALLS, other)),
    };
    return { rows, cpu };
  } finally {
    await Promise.all(nodes.map((node) => stop(node)));
    await server[Symbol.asyncDispose]();
  }
}

async function plugins() {
  const server = await RedisServer.start();
  const nodes = [];
  try {
    for (let at = 0; at < 2; at += 1) nodes.push(await startNode(server.url));
    await untilNodes(nodes[0], 2);
    const [told, other] = nodes.map(({ client }) => client);
    return await pluginReach(told, other, await compilePlugin(fileURLToPath(new URL("../guest", import.meta.url))));
  } finally {
    await Promise.all(nodes.map((node) => stop(node)));
    await server[Symbol.asyncDispose]();
  }
}

const { rows: calls, cpu } = await forwarding();
const reach = await plugins();
const { perSecond, noticed } = await idle();
const sizes = [];
for (const size of SIZES) sizes.push({ size, perSecond: await membership(size) });

publish({
  name: "cluster",
  tables: [
    {
      title: "A call that another node answers, over HTTP",
      head: ["in flight", "local µs", "forwarded µs", "ratio"],
      rows: calls.map(({ width, local, forwarded, ratio }) => [
        String(width),
        digits(local),
        digits(forwarded),
        judged(ratio, 2),
      ]),
    },
    {
      title: "The same in processor time of the client and both nodes",
      head: ["local µs", "forwarded µs", "ratio"],
      rows: [[digits(cpu.local), digits(cpu.forwarded), judged(cpu.forwarded / cpu.local, 2)]],
    },
    {
      title: "A plugin is disabled or enabled on one of two nodes (ms)",
      head: ["change", "until the other has it, from the call", "from the answer, p50", "p99"],
      rows: reach.map(({ kind, all, behind, behind99 }) => [
        kind,
        digits(all),
        judged(Math.max(0, behind), 100, " ms"),
        digits(Math.max(0, behind99)),
      ]),
    },
    {
      title: "Three idle nodes on one Redis",
      head: ["what", "figure"],
      rows: [
        ["operations per second on the store, all together", judged(perSecond, 10, "")],
        ["seconds until a node that was killed is gone", noticed.map(digits).join(", ")],
      ],
    },
    {
      title: "Membership alone: what one node asks of the store",
      head: ["members", "operations per second"],
      rows: sizes.map(({ size, perSecond }) => [String(size), digits(perSecond)]),
    },
  ],
  notes: NOTES,
  record: { calls, cpu, reach, idle: { perSecond, noticed }, membership: sizes },
  save: flags.save,
});
