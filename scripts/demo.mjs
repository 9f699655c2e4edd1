// `npm run demo`: a plugin in TypeScript is compiled, installed, called, denied, stopped and replaced under load.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstall } from "./ensure-install.mjs";
import { bin, capture } from "./lib/run.mjs";
import { ROOT } from "./lib/workspaces.mjs";

/** Milliseconds for the build, and for everything after it, so that nothing can hang. */
const BUILD_LIMIT_MS = 15 * 60_000;
const LIMIT_MS = 150_000;
const CALLERS = 8;
const RELOADS = 3;
const LOOPS = 5;
const WARM_UP_CALLS = 300;

const started = performance.now();
const ASPEN = join(ROOT, "packages", "cli", "bin", "aspen.js");
const plugins = join(ROOT, "examples", "plugins");

const step = (name, text) => console.log(`${name.padEnd(13)} ${text}`);
const since = (from) => `${(performance.now() - from).toFixed(1)} ms`;

ensureInstall();
const work = mkdtempSync(join(tmpdir(), "aspen-demo-"));
let node;
let stopping = false;
process.on("exit", () => {
  node?.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
let limit;

try {
  await build();
  limit = setTimeout(() => fail(`the demo did not end within ${LIMIT_MS / 1000} s after the build`), LIMIT_MS);
  const url = await startNode();
  await tour(url);
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}
clearTimeout(limit);
stopping = true;
node.kill("SIGTERM");
await new Promise((resolve) => node.once("exit", resolve));
step("done", `in ${((performance.now() - started) / 1000).toFixed(1)} s; docs/tutorial.md goes on from here`);

async function build() {
  step("building", "packages, the engine template and the example plugins …");
  const from = performance.now();
  const args = ["run", "build", "--concurrency=2", "--output-logs=errors-only"];
  const { status, output } = await capture(bin("turbo"), args, { timeout: BUILD_LIMIT_MS });
  if (status !== 0) throw new Error(`the build failed:\n${output}`);
  step("", `built in ${((performance.now() - from) / 1000).toFixed(1)} s`);
}

async function tour(url) {
  for (const name of ["echo-plugin", "outsider"]) {
    const built = await aspen("plugin", "build", join(plugins, name), "--json");
    step("built", `${built.name} ${built.version}: ${built.bytes} bytes of wasm in ${built.ms} ms`);
    const { permissions, handles, state } = await aspen(
      "plugin",
      "install",
      join(plugins, name),
      "--yes",
      "--json",
      "--node",
      url,
    );
    step("installed", `${name}: ${state}, answers ${handles.join(", ")}, may ${permissions.join(", ")}`);
  }

  await expectOk(url, "echo.say", {});
  const from = performance.now();
  const said = await expectOk(url, "echo.say", { text: "hi" });
  step("called", `echo.say {"text":"hi"} → ${JSON.stringify(said)} in ${since(from)}`);

  const denied = await expectError(url, "outsider.write", { key: "somebody:else" }, "KV_NAMESPACE_DENIED");
  step("denied", `outsider.write → ${denied.code}: ${denied.message}`);

  // A node in use has these behind it: in the first calls V8 still compiles the HTTP client and server.
  for (let i = 0; i < WARM_UP_CALLS; i++) await expectOk(url, "outsider.ping");
  const answered = [];
  for (let i = 0; i < LOOPS; i++) {
    const loop = performance.now();
    const looped = await expectError(url, "outsider.loop", {}, "PLUGIN_TIMEOUT");
    const stopped = since(loop);
    const next = performance.now();
    await expectOk(url, "outsider.ping");
    answered.push(since(next));
    if (i === 0) step("looped", `outsider.loop → ${looped.code} after ${stopped}: ${looped.message}`);
  }
  step("", `the next call over HTTP after each of ${LOOPS} such stops was answered in ${answered.join(", ")}`);

  const { calls, failed, versions } = await reloadUnderLoad(url);
  step(
    "hot-reloaded",
    `echo-plugin ${RELOADS} times (to ${versions.at(-1)}) under ${CALLERS} callers: ${calls} calls, ${failed} failed`,
  );
  if (failed > 0) throw new Error(`${failed} calls failed while the plugin was replaced`);
}

async function reloadUnderLoad(url) {
  const copy = join(work, "echo-plugin");
  cpSync(join(plugins, "echo-plugin"), copy, {
    recursive: true,
    filter: (path) => !/node_modules|dist|\.turbo/.test(path),
  });
  const manifestFile = join(copy, "plugin.json");
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8"));
  let calls = 0;
  let failed = 0;
  let running = true;
  const load = Array.from({ length: CALLERS }, async () => {
    while (running) {
      const { status } = await rpc(url, "echo.say", { text: "load" });
      calls += 1;
      if (status !== 200) failed += 1;
    }
  });
  const versions = [];
  for (let i = 1; i <= RELOADS; i++) {
    writeFileSync(manifestFile, JSON.stringify({ ...manifest, version: `1.${i}.0` }));
    await aspen("plugin", "build", copy, "--json");
    const { version } = await aspen("plugin", "install", copy, "--yes", "--update", "--json", "--node", url);
    versions.push(version);
  }
  running = false;
  await Promise.all(load);
  return { calls, failed, versions };
}

async function startNode() {
  const args = [
    ASPEN,
    "node",
    "start",
    "--listen",
    "127.0.0.1:0",
    "--data-dir",
    join(work, "data"),
    "--log-level",
    "error",
    "--json",
  ];
  node = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ready = await new Promise((resolve, reject) => {
    let text = "";
    node.stdout.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
      if (text.includes("\n")) resolve(JSON.parse(text));
    });
    node.on("error", reject);
    node.on("exit", (code) => {
      reject(new Error(`the node ended before it was ready (exit status ${code})`));
      if (!stopping) fail(`the node ended (exit status ${code})`);
    });
  });
  step("node", `listens on ${ready.url}, with its state in an embedded store`);
  return ready.url;
}

/** Runs the command with --json and returns what it printed. */
async function aspen(...args) {
  const { status, output } = await capture(process.execPath, [ASPEN, ...args]);
  if (status !== 0) throw new Error(`aspen ${args.join(" ")} failed:\n${output}`);
  return JSON.parse(output.trim().split("\n").at(-1));
}

async function rpc(url, method, params = {}) {
  const response = await fetch(`${url}/rpc/${method}`, { method: "POST", body: JSON.stringify(params) });
  return { status: response.status, body: await response.json() };
}

async function expectOk(url, method, params) {
  const { status, body } = await rpc(url, method, params);
  if (status !== 200) throw new Error(`${method} failed: ${JSON.stringify(body)}`);
  return body;
}

async function expectError(url, method, params, code) {
  const { body } = await rpc(url, method, params);
  if (body?.error?.code !== code) throw new Error(`${method} should have failed with ${code}: ${JSON.stringify(body)}`);
  return body.error;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
