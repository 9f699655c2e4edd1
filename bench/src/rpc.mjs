// A request to a node beside bare servers and other ways to call a method, one run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { remoteClient } from "@aspen/rpc-core/remote";
import { echoGuest, MANIFEST } from "./lib/guests.mjs";
import { percentile } from "./lib/measure.mjs";
import { atLeast, digits, publish } from "./lib/report.mjs";
import { grpcCallers, httpCallers, moleculerCallers } from "./lib/rpc-clients.mjs";

const NOTES = [
  "Each server is a process of its own; the clients of all are in one other process, so that two cores serve both ends.",
  "A call carries and returns `{ text }`; each connection has one call under way at a time. The node validates the params, and counts and times the request; the store is embedded.",
  "HTTP clients are undici's lowest interface. Moleculer calls over its TCP transporter, which has one connection however many calls are under way.",
  "A profile at 16 connections shows a write of an answer with 70 µs in the node and with 10 µs in bare fastify, at about one write for each answer in both.",
  "Memory is what the resident set of the server grows by when idle connections are open on which one call was made.",
];
const WIDTHS = [1, 16, 256];
const ROUNDS = 3;
const ROUND_MS = 1500;
const WARM_UP_MS = 1000;
const IDLE = 2000;
/** A tick of `/proc/PID/stat` on Linux (proc(5), `sysconf(_SC_CLK_TCK)` is 100). */
const TICK_MICROSECONDS = 10_000;
const PARAMS = { text: "hello" };
const SERVER = fileURLToPath(new URL("./lib/rpc-server.mjs", import.meta.url));

const { values: flags } = parseArgs({ options: { save: { type: "boolean", default: false } } });

async function start(given) {
  const child = spawn(process.execPath, [SERVER, JSON.stringify(given)], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => {
      throw new Error(`the server ${given.kind} ended`);
    }),
  ]);
  return { child, url: String(line).trim() };
}

async function stop({ child }) {
  child.kill("SIGTERM");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Calls per second, and milliseconds of the calls, while every caller has one under way. */
async function round({ callers }, ms, server) {
  const times = [];
  const spent = server ? processorMicroseconds(server) : 0;
  const began = performance.now();
  const until = began + ms;
  await Promise.all(
    callers.map(async (call) => {
      for (let at = performance.now(); at < until; ) {
        await call();
        const now = performance.now();
        times.push(now - at);
        at = now;
      }
    }),
  );
  const perSecond = (times.length * 1000) / (performance.now() - began);
  return { perSecond, times, processor: server ? processorMicroseconds(server) - spent : 0 };
}

/** Bytes of a process's resident set. */
function residentBytes({ child }) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) * 1024;
}

/** Microseconds that a process has computed: what others do on the machine is none of it. */
function processorMicroseconds({ child }) {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
}

async function idleMemory(server, url, params) {
  const warm = httpCallers(url, params, 16);
  await round(warm, WARM_UP_MS);
  await warm.close();
  await delay(1000);
  const before = residentBytes(server);
  const idle = httpCallers(url, params, IDLE);
  for (const call of idle.callers) await call();
  await delay(1000);
  const after = residentBytes(server);
  await idle.close();
  return ((after - before) / IDLE) * 1000;
}

const dataDir = await mkdtemp(join(tmpdir(), "aspen-bench-"));
const ports = { server: await freePort(), client: await freePort() };
const servers = {};
const record = { calls: {}, memory: {} };
const rows = [];
const targets = [];
try {
  for (const kind of ["http", "fastify", "grpc", "moleculer", "node"])
    servers[kind] = await start({ kind, ports, dataDir });
  const { url } = servers.node;
  const client = remoteClient({ url });
  const artifacts = [{ name: "plugin.wasm", content: { base64: Buffer.from(echoGuest()).toString("base64") } }];
  await client.call("plugin.install", {
    manifest: { ...MANIFEST, entry: { kind: "wasm", wasm: "plugin.wasm" } },
    artifacts,
  });
  await client.call("kv.put", { key: "t:value", value: "hello" });
  const contenders = {
    "node:http": (count) => httpCallers(servers.http.url, PARAMS, count),
    fastify: (count) => httpCallers(servers.fastify.url, PARAMS, count),
    "grpc-js": (count) => grpcCallers(servers.grpc.url, PARAMS, count),
    moleculer: (count) => moleculerCallers(ports, PARAMS, count),
    "aspen, native": (count) => httpCallers(`${url}/rpc/native.noop`, PARAMS, count),
    "aspen, kv.get": (count) => httpCallers(`${url}/rpc/kv.get`, { key: "t:value" }, count),
    "aspen, WASM plugin": (count) => httpCallers(`${url}/rpc/bench.echo`, PARAMS, count),
  };
  const serverOf = (name) => servers[{ "node:http": "http", "grpc-js": "grpc" }[name] ?? name] ?? servers.node;
  for (const width of WIDTHS) {
    const all = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
    for (let at = -1; at < ROUNDS; at += 1) {
      for (const [name, make] of Object.entries(contenders)) {
        const callers = await make(width);
        // Connections are made, and what has not run yet is compiled, before anything is measured.
        await round(callers, at < 0 ? WARM_UP_MS : 200);
        if (at >= 0) all[name].push(await round(callers, ROUND_MS, serverOf(name)));
        await callers.close();
      }
    }
    record.calls[width] = {};
    for (const [name, rounds] of Object.entries(all)) {
      const times = rounds.flatMap(({ times }) => times);
      const perSecond = percentile(
        rounds.map((it) => it.perSecond),
        0.5,
      );
      const processor = rounds.reduce((sum, it) => sum + it.processor, 0) / times.length;
      const measured = { perSecond, processor, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
      record.calls[width][name] = measured;
      const figures = [perSecond, processor, measured.p50, measured.p99].map(digits);
      rows.push([name, String(width), ...figures]);
    }
    const of = (name) => record.calls[width][name].perSecond;
    const spent = (name) => record.calls[width][name].processor;
    const which = `${width} connection${width === 1 ? "" : "s"}`;
    targets.push([`native to bare fastify, ${which}`, atLeast(of("aspen, native") / of("fastify"), 0.8)]);
    targets.push([`the same by processor time`, atLeast(spent("fastify") / spent("aspen, native"), 0.8)]);
    targets.push([`native to moleculer, ${which}`, atLeast(of("aspen, native") / of("moleculer"), 2)]);
  }
  for (const [name, kind, target] of [
    ["node:http", "http", servers.http.url],
    ["fastify", "fastify", servers.fastify.url],
    ["aspen", "node", `${url}/rpc/native.noop`],
  ]) {
    record.memory[name] = await idleMemory(servers[kind], target, PARAMS);
  }
} finally {
  await Promise.all(Object.values(servers).map(stop));
  await rm(dataDir, { recursive: true, force: true });
}

publish({
  name: "rpc",
  save: flags.save,
  record,
  notes: NOTES,
  tables: [
    {
      title: "Calls",
      head: [
        "server",
        "connections",
        "calls per second",
        "server's processor time per call (µs)",
        "p50 (ms)",
        "p99 (ms)",
      ],
      rows,
    },
    {
      title: "Memory of 1,000 idle connections (MiB)",
      head: ["server", "memory"],
      rows: Object.entries(record.memory).map(([name, bytes]) => [name, digits(bytes / 1024 / 1024)]),
    },
    { title: "Targets", head: ["what", "measured"], rows: targets },
  ],
});
