// From the start of a process until it is ready and has answered a request: a node with 0, 1 and 10 plugins, a bare fastify.
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { summary } from "./lib/measure.mjs";
import { digits, judged, publish } from "./lib/report.mjs";

const NOTES = [
  "Ready: from spawn until `GET /readyz` has been answered with 200. Answered: until one more request has been, with plugins one of a plugin, whose start it waits for. The client is in the process. Each round starts every contender once, one after the other. The plugins were installed before, on an embedded store.",
  "CPU is the processor time of all threads of the process until then: a busy machine changes it less than the time that passes.",
  "Cold: the store does not know the plugins' wasm, as after an upgrade of Node, so that it is compiled in a process apart first. Plugins of one SDK share most of it. Warm: the store remembers.",
  "Memory is the resident memory of the process some seconds after its start. Files are the modules that were loaded.",
];
const { values: flags } = parseArgs({
  options: {
    save: { type: "boolean", default: false },
    rounds: { type: "string", default: "7" },
    "settle-ms": { type: "string", default: "3000" },
  },
});
const ROUNDS = Number(flags.rounds);
const SETTLE_MS = Number(flags["settle-ms"]);
/** Milliseconds that a process may take to be ready, or to end. */
const LIMIT_MS = 120_000;
const TARGET_MS = 500;
const PLUGINS = [0, 1, 10];

const here = (path) => fileURLToPath(new URL(`start-up/${path}`, import.meta.url));
const work = await mkdtemp(join(tmpdir(), "aspen-start-up-"));

/** Starts a process and ends it again; how long it took to be ready and to answer, and when it is looked at, what it was like. */
async function once({ file, config = {} }, look = false) {
  const from = performance.now();
  const child = spawn(process.execPath, [file, JSON.stringify(config)], { stdio: ["pipe", "pipe", "inherit"] });
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    const times = {};
    do {
      const { value = "" } = await lines.next();
      const [what, cpu] = value.split(" ");
      if (what !== "ready" && what !== "answered") throw new Error(`${file} ended before it was ready`);
      times[what] = { ms: performance.now() - from, cpu: Number(cpu) };
    } while (!times.answered);
    if (!look) return { times };
    await delay(SETTLE_MS);
    const rss = await residentBytes(child.pid);
    child.stdin.write("files\n");
    return { times, rss, files: Number((await lines.next()).value) };
  } finally {
    child.stdin.end();
    await ended;
    clearTimeout(limit);
  }
}

/** For each moment that every round has. */
function summaries(rounds) {
  const moments = Object.keys(rounds[0]);
  const of = (moment, kind) => summary(rounds.map((times) => times[moment][kind]));
  return Object.fromEntries(moments.map((moment) => [moment, { ms: of(moment, "ms"), cpu: of(moment, "cpu") }]));
}

/** Resident memory of a process, from proc(5); NaN where there is none. */
async function residentBytes(pid) {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) * 1024;
}

/** The params by which a plugin of this number is installed. */
async function buildPlugin(number) {
  const directory = join(work, `plugin-${number}`);
  await mkdir(directory);
  const name = `bench-${number}`;
  const manifest = { name, version: "1.0.0", api_version: "1", entry: { source: "plugin.ts" }, handles: [`${name}.*`] };
  await writeFile(join(directory, "plugin.json"), JSON.stringify(manifest));
  await writeFile(
    join(directory, "plugin.ts"),
    `import { definePlugin } from "@aspen/guest-sdk";
export default definePlugin({ handlers: { "${name}.ping": () => ${number} } });`,
  );
  const { wasm } = await compilePlugin(directory);
  return {
    manifest,
    artifacts: [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }],
  };
}

try {
  const built = [];
  for (let number = 0; number < Math.max(...PLUGINS); number++) built.push(await buildPlugin(number));
  const off = Object.fromEntries(
    ["kv", "blob", "node", "cluster", "health", "metrics", "plugins", "plugins-wasm"].map((name) => [name, false]),
  );
  const node = (dataDir, call, config = {}) => ({
    file: here("node.mjs"),
    config: { dataDir: join(work, dataDir), call, ...config },
  });
  const contenders = {
    "bare process": { file: here("bare.mjs") },
    "bare fastify": { file: here("fastify.mjs") },
    "node, every feature off": node("off", "/healthz", { features: off }),
  };
  for (const count of PLUGINS) {
    const call = count === 0 ? "/rpc/node.info" : `/rpc/bench-${count - 1}.ping`;
    const installs = join(work, `installs-${count}.json`);
    await writeFile(installs, JSON.stringify(built.slice(0, count)));
    await once(node(`with-${count}`, call, { installs }));
    const name = `node, ${count} plugin${count === 1 ? "" : "s"}`;
    contenders[count === 0 ? name : `${name}, warm`] = node(`with-${count}`, call);
    if (count > 0)
      contenders[`${name}, cold`] = { ...node(`with-${count}`, call), forget: join(work, `with-${count}`) };
  }

  const seenTimes = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  const looks = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, contender] of Object.entries(contenders)) {
      if (contender.forget) await promisify(execFile)(process.execPath, [here("forget.mjs"), contender.forget]);
      const look = round === ROUNDS - 1;
      const { times, ...seen } = await once(contender, look);
      seenTimes[name].push(times);
      if (look) looks[name] = seen;
    }
  }

  const results = Object.fromEntries(
    Object.keys(contenders).map((name) => [name, { ...summaries(seenTimes[name]), ...looks[name] }]),
  );
  const peer = results["bare fastify"].answered.ms.median;
  publish({
    name: "start-up",
    tables: [
      {
        title: "From spawn until it is ready, and has answered",
        head: [
          "",
          "ready: ms",
          "CPU ms",
          "answered: ms",
          "least–most",
          "CPU ms",
          "x bare fastify",
          "MiB resident",
          "files",
        ],
        rows: Object.entries(results).map(([name, { ready, answered, files, rss }]) => [
          name,
          ready ? digits(ready.ms.median) : "",
          ready ? digits(ready.cpu.median) : "",
          digits(answered.ms.median),
          `${digits(answered.ms.min)}–${digits(answered.ms.max)}`,
          digits(answered.cpu.median),
          digits(answered.ms.median / peer),
          digits(rss / 2 ** 20),
          String(files),
        ]),
      },
      {
        title: "Target",
        head: ["what", "measured"],
        rows: [
          ["ready with 10 plugins, warm", judged(results["node, 10 plugins, warm"].ready.ms.median, TARGET_MS, " ms")],
        ],
      },
    ],
    notes: NOTES,
    record: { rounds: ROUNDS, results },
    save: flags.save,
  });
} finally {
  await rm(work, { recursive: true, force: true });
}
