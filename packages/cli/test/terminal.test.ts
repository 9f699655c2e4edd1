import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BIN, startNode } from "./support.js";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-terminal-test-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A built plugin that nobody has to compile: the node is never asked. */
async function pluginFolder(): Promise<string> {
  const folder = join(directory, "asks");
  await mkdir(folder, { recursive: true });
  const manifest = {
    name: "asks",
    version: "1.0.0",
    api_version: "1",
    entry: { source: "src/plugin.ts", wasm: "plugin.wasm" },
    handles: ["asks.it"],
    permissions: ["kv:read"],
  };
  await writeFile(join(folder, "plugin.json"), JSON.stringify(manifest));
  await writeFile(join(folder, "plugin.wasm"), Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  return folder;
}

/** Runs the command on a terminal of its own (util-linux script) and answers its question with keys. */
async function onTerminal(args: readonly string[], keys: string): Promise<{ code: number; screen: string }> {
  const words = [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(" ");
  const sized = `stty cols 100 rows 30; exec ${words}`;
  const child = spawn("script", ["--quiet", "--return", "--flush", "--command", sized, "/dev/null"], {
    timeout: 60_000,
  });
  let screen = "";
  let answered = false;
  child.stdout.on("data", (chunk: Buffer) => {
    screen += chunk.toString("utf8");
    if (answered || !screen.includes("Grant this and install?")) return;
    answered = true;
    child.stdin.write(keys);
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, screen };
}

describe("the question of a grant", () => {
  it.each([
    ["Ctrl-D", "\u0004"],
    ["Ctrl-C", "\u0003"],
    ["Escape", "\u001b"],
    ["n", "n"],
    ["Enter, as no is the default", "\r"],
  ])("counts as refused after %s, with the cursor shown again", async (_name, keys) => {
    const install = ["plugin", "install", await pluginFolder(), "--node", "http://127.0.0.1:1"];
    const { code, screen } = await onTerminal(install, keys);
    expect(screen).toContain("error PERMISSION_DENIED: plugin asks was not installed");
    expect(code).toBe(3);
    expect(screen.lastIndexOf("\u001b[?25h")).toBeGreaterThan(screen.lastIndexOf("\u001b[?25l"));
  });

  it("goes on after y", async () => {
    const install = ["plugin", "install", await pluginFolder(), "--node", "http://127.0.0.1:1"];
    const { code, screen } = await onTerminal(install, "y");
    expect(screen).toContain("error NODE_UNREACHABLE");
    expect(code).toBe(7);
  });
});

describe("a node that is told to stop", () => {
  it("takes two signals within a moment for one", async () => {
    const node = await startNode(["--data-dir", join(directory, "one-stop")]);
    process.kill(node.pid, "SIGINT");
    expect(await node.stop("SIGINT")).toBe(0);
  });

  it("ends at once at a later one", async () => {
    const node = await startNode(["--data-dir", join(directory, "two-stops")]);
    // A request that is never finished holds up the first stop.
    const held = await holdOpen(node.url);
    process.kill(node.pid, "SIGINT");
    await delay(800);
    expect(await node.stop("SIGINT")).toBe(1);
    held.destroy();
  });
});

async function holdOpen(url: string) {
  const { connect } = await import("node:net");
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(`POST /rpc/kv.get HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 10\r\n\r\n{`);
  await delay(100);
  return socket;
}
