import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { aspen, type RunningNode, startNode } from "./support.js";

let directory: string;
let node: RunningNode;
let env: { ASPEN_NODE: string };

async function restart(signal: NodeJS.Signals): Promise<number | null> {
  const code = await node.stop(signal);
  node = await startNode(["--data-dir", join(directory, "data")]);
  env = { ASPEN_NODE: node.url };
  return code;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-test-"));
  node = await startNode(["--data-dir", join(directory, "data")]);
  env = { ASPEN_NODE: node.url };
});

afterAll(async () => {
  await node?.stop("SIGTERM");
  await rm(directory, { recursive: true, force: true });
});

describe("aspen node start", () => {
  it("prints one ready line, and as JSON on request", async () => {
    expect(node.line).toBe(`aspen node ready on ${node.url}`);
    expect(node.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const other = await startNode(["--data-dir", join(directory, "other"), "--json"]);
    expect(JSON.parse(other.line)).toEqual({ ready: true, url: other.url, pid: other.pid });
    expect(await other.stop("SIGINT")).toBe(0);
  });

  it("refuses what it cannot offer", async () => {
    const dataDir = join(directory, "refused");
    const open = await aspen(["node", "start", "--listen", "0.0.0.0:0", "--data-dir", dataDir]);
    expect(open).toMatchObject({ code: 2, stdout: "" });
    expect(open.stderr).toMatch(/^error CONFIG_INVALID: .*listen\.host.*authentication is off/);
    expect(await aspen(["node", "start", "--data-dir", dataDir, "--redis", "redis://x"])).toMatchObject({ code: 2 });
    expect((await aspen(["node", "start", "--listen", "nonsense"])).stderr).toMatch(/HOST:PORT/);
    const unreachable = [
      "redis://u:hunter2@127.0.0.1:1",
      "redis+cluster://u:hunter2@127.0.0.1:1,127.0.0.1:2",
      "redis+sentinel://u:hunter2@127.0.0.1:1/main?sentinelPassword=hunter2",
    ];
    const start = (redis: string) => aspen(["node", "start", "--listen", "127.0.0.1:0", "--redis", redis]);
    for (const away of await Promise.all(unreachable.map(start))) {
      expect(away).toMatchObject({ code: 7 });
      expect(away.stderr).toContain("STORE_UNAVAILABLE");
      expect(away.stderr).not.toContain("hunter2");
    }
    const wrong = await aspen(["node", "start", "--redis", "redis://u:hunter2@127.0.0.1/x"]);
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.stderr).toMatch(/redisUrl: must end in a database's number/);
    expect(wrong.stderr).not.toContain("hunter2");
  });
});

describe("aspen kv", () => {
  it("puts, gets, scans, swaps and deletes", async () => {
    expect(await aspen(["kv", "put", "a:1", "one"], { env })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/version \d+/),
    });
    expect(await aspen(["kv", "get", "a:1"], { env })).toMatchObject({ code: 0, stdout: "one\n", stderr: "" });
    const json = await aspen(["kv", "get", "a:1", "--json"], { env });
    expect(JSON.parse(json.stdout)).toEqual({ key: "a:1", value: "one", version: expect.any(Number) });
    expect(await aspen(["kv", "get", "a:2", "--json"], { env })).toMatchObject({
      code: 4,
      stdout: "null\n",
      stderr: "",
    });
    for (const flags of [[], ["--raw"]]) {
      expect(await aspen(["kv", "get", "a:2", ...flags], { env })).toMatchObject({
        code: 4,
        stdout: "",
        stderr: expect.stringMatching(/^error KV_NOT_FOUND: .*"a:2"/),
      });
    }
    await aspen(["kv", "put", "a:2", "--file", "-"], { env, input: new Uint8Array([255, 0]) });
    expect((await aspen(["kv", "scan", "a:"], { env })).stdout).toMatch(
      /^KEY +VERSION +VALUE\na:1 +\d+ +one\na:2 +\d+ +base64:\/wA=\n$/,
    );
    const page = JSON.parse(
      (await aspen(["kv", "scan", "a:", "--limit", "1", "--keys-only", "--json"], { env })).stdout,
    );
    expect(page).toEqual({ entries: [{ key: "a:1", version: expect.any(Number) }], cursor: expect.any(String) });
    expect(await aspen(["kv", "cas", "a:1", "one", "uno"], { env })).toMatchObject({ code: 0 });
    const conflict = await aspen(["kv", "cas", "a:1", "one", "uno", "--json"], { env });
    expect(conflict).toMatchObject({ code: 6, stdout: "" });
    expect(JSON.parse(conflict.stderr).error).toMatchObject({
      code: "KV_CONFLICT",
      details: { actual: { value: "uno" } },
      requestId: expect.any(String),
    });
    expect(await aspen(["kv", "cas", "a:3", "--absent", "new"], { env })).toMatchObject({ code: 0 });
    expect(await aspen(["kv", "cas", "a:3", "new", "--delete"], { env })).toMatchObject({ code: 0 });
    expect(await aspen(["kv", "cas", "a:3", "new"], { env })).toMatchObject({ code: 2 });
    expect(await aspen(["kv", "cas", "a:4", "--absent", "new", "--ttl-ms", "1"], { env })).toMatchObject({ code: 0 });
    expect(await aspen(["kv", "get", "a:4"], { env })).toMatchObject({ code: 4 });
    expect(await aspen(["kv", "cas", "a:4", "--absent", "new", "--ttl-ms", "0"], { env })).toMatchObject({ code: 2 });
    expect(await aspen(["kv", "delete", "a:1"], { env })).toMatchObject({ code: 0, stdout: "deleted\n" });
    expect(await aspen(["kv", "delete", "a:1"], { env })).toMatchObject({ code: 0, stdout: "(absent)\n" });
  });

  it("appends, and shows the key", async () => {
    const first = await aspen(["kv", "append", "log:", "one"], { env });
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^log:[0-9a-f]{16}-0000\n$/) });
    const flags = ["--file", "-", "--ttl-ms", "600000", "--json"];
    const second = await aspen(["kv", "append", "log:", ...flags], { env, input: new Uint8Array([255]) });
    const { key, version } = JSON.parse(second.stdout);
    expect(JSON.parse((await aspen(["kv", "scan", "log:", "--json"], { env })).stdout).entries).toEqual([
      { key: first.stdout.trim(), value: "one", version: expect.any(Number) },
      { key, value: { base64: "/w==" }, version },
    ]);
    expect(await aspen(["kv", "append", "log:"], { env })).toMatchObject({ code: 2 });
    expect(await aspen(["kv", "append", "log", "one"], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("INVALID_PARAMS"),
    });
  });

  it("gives a value byte by byte with --raw", async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 27, 195, 40]);
    await aspen(["kv", "put", "a:raw", "--file", "-"], { env, input: bytes });
    expect((await aspen(["kv", "get", "a:raw", "--raw"], { env })).bytes.equals(bytes)).toBe(true);
    expect(await aspen(["kv", "get", "a:raw", "--raw", "--json"], { env })).toMatchObject({ code: 2 });
  });

  it("pads columns by their width on a terminal", async () => {
    await aspen(["kv", "put", "wide:日本語", "1"], { env });
    await aspen(["kv", "put", "wide:abcdefgh", "2"], { env });
    await aspen(["kv", "put", "wide:e\u0301", "3"], { env });
    const [head, first, second, third] = (await aspen(["kv", "scan", "wide:"], { env })).stdout.split("\n");
    const columns = [head!.indexOf("VERSION"), first!.search(/\d+ +\S+$/), second!.search(/\d+ +\S+$/)];
    expect(columns).toEqual([15, 15, 16]);
    // Each of the three characters takes two columns.
    expect(third!.search(/\d+ +\S+$/)).toBe(12);
  });

  it("does not let a value steer the terminal", async () => {
    await aspen(["kv", "put", "a:esc", "\u001b[2Jx"], { env });
    expect((await aspen(["kv", "get", "a:esc"], { env })).stdout).toBe("\\u{1b}[2Jx\n");
  });
});

describe("aspen blob", () => {
  it("keeps files byte for byte", async () => {
    const bytes = randomBytes(2_500_000);
    const file = join(directory, "in.bin");
    const out = join(directory, "out.bin");
    await writeFile(file, bytes);
    const hash = (await aspen(["blob", "put", file], { env })).stdout.trim();
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await aspen(["blob", "put", "-"], { env, input: bytes })).stdout.trim()).toBe(hash);
    expect(await aspen(["blob", "get", hash, "-o", out], { env })).toMatchObject({ code: 0 });
    expect((await readFile(out)).equals(bytes)).toBe(true);
    expect(await aspen(["blob", "get", "0".repeat(64)], { env })).toMatchObject({ code: 4, stdout: "" });
    await writeFile(file, randomBytes(20_000_000));
    const tooLarge = await aspen(["blob", "put", file], { env });
    expect(tooLarge.stderr).toMatch(/^error PAYLOAD_TOO_LARGE: /);
    expect(tooLarge.code).toBe(2);
    expect(await aspen(["blob", "put", join(directory, "none")], { env })).toMatchObject({ code: 2 });
  });

  it("collects garbage after the grace period, but nothing that is referenced", async () => {
    const put = async (text: string, ...flags: string[]) =>
      (await aspen(["blob", "put", "-", ...flags], { env, input: text })).stdout.trim();
    const garbage = await put("garbage");
    const kept = await put("kept", "--reference", "mine");
    const young = await aspen(["blob", "gc", "--json"], { env });
    expect(JSON.parse(young.stdout)).toEqual({ dryRun: false, blobs: 0, bytes: 0, leftovers: 0 });
    await delay(1050);
    const told = await aspen(["blob", "gc", "--grace", "1s", "--dry-run"], { env });
    expect(told.stdout).toMatch(/^would remove [1-9]\d* blobs with \d+ bytes, and 0 unfinished/);
    expect(await aspen(["blob", "get", garbage], { env })).toMatchObject({ code: 0, stdout: "garbage" });
    expect((await aspen(["blob", "gc", "--grace", "1s"], { env })).stdout).toMatch(/^removed [1-9]/);
    expect(await aspen(["blob", "get", garbage], { env })).toMatchObject({ code: 4 });
    expect(await aspen(["blob", "get", kept], { env })).toMatchObject({ code: 0, stdout: "kept" });
    for (const grace of ["1", "0s", "-1h", "soon"]) {
      expect(await aspen(["blob", "gc", "--grace", grace], { env })).toMatchObject({ code: 2, stdout: "" });
    }
  });
});

describe("aspen rpc call", () => {
  it("calls any method", async () => {
    const info = await aspen(["rpc", "call", "node.info", "--json"], { env });
    expect(JSON.parse(info.stdout)).toMatchObject({ pid: node.pid });
    expect((await aspen(["rpc", "call", "kv.get", "-"], { env, input: '{"key":"x"}' })).stdout).toBe("null\n");
    const marked = { env, input: '\uFEFF{"key":"x"}' };
    expect((await aspen(["rpc", "call", "kv.get", "-"], marked)).stdout).toBe("null\n");
    expect(await aspen(["rpc", "call", "no.such"], { env })).toMatchObject({
      code: 4,
      stdout: "",
      stderr: expect.stringMatching(/^error METHOD_NOT_FOUND: /),
    });
    expect((await aspen(["rpc", "call", "kv.get", "{}"], { env })).stderr).toMatch(/^error INVALID_PARAMS: .*key/);
    expect((await aspen(["rpc", "call", "kv.get", "{"], { env })).stderr).toMatch(/params is not JSON/);
  });
});

describe("a command without a node", () => {
  it("says how to get one", async () => {
    const closed = await aspen(["kv", "get", "a", "--node", "http://127.0.0.1:1"]);
    expect(closed).toMatchObject({
      code: 7,
      stderr: expect.stringMatching(/^error NODE_UNREACHABLE: .*aspen node start/),
    });
    const other = createServer((_request, response) => response.end("hello"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(await aspen(["kv", "get", "a", "--node", url])).toMatchObject({
      code: 7,
      stderr: expect.stringMatching(/not an Aspen node/),
    });
    other.close();
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const hanging = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    expect(await aspen(["kv", "get", "a", "--node", hanging, "--timeout", "1"])).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/DEADLINE_EXCEEDED/),
    });
    silent.closeAllConnections();
    silent.close();
  });

  it("says that the outcome is unknown when the connection is lost under a call", async () => {
    const cut = createServer((request, response) => {
      if (request.url!.endsWith("kv.put")) request.socket.destroy();
      else {
        response.writeHead(200, { "content-length": "100" });
        response.write("{");
        setTimeout(() => request.socket.destroy(), 20);
      }
    });
    await new Promise<void>((resolve) => cut.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(cut.address() as AddressInfo).port}`;
    for (const args of [
      ["kv", "put", "a", "1"],
      ["kv", "get", "a"],
    ]) {
      expect(await aspen([...args, "--node", url])).toMatchObject({
        code: 7,
        stdout: "",
        stderr: expect.stringMatching(/^error OUTCOME_UNKNOWN: .*connection .* lost .*may or may not/),
      });
    }
    cut.closeAllConnections();
    cut.close();
  });
});

describe("a stdout that takes nothing", () => {
  it("ends the command without a stack", async () => {
    const bin = fileURLToPath(new URL("../bin/aspen.js", import.meta.url));
    const shell = (line: string) => {
      const child = spawnSync("bash", ["-c", line, process.execPath, bin], { encoding: "utf8", timeout: 60_000 });
      return [child.status, child.stdout, child.stderr];
    };
    const scan = `"$0" "$1" kv scan --node ${node.url}`;
    expect(shell(`${scan} > /dev/full`)).toEqual([
      2,
      "",
      expect.stringMatching(/^error INVALID_PARAMS: stdout cannot be used: ENOSPC\n$/),
    ]);
    expect(shell(`${scan} | true; echo "\${PIPESTATUS[0]}"`)).toEqual([0, "0\n", ""]);
    expect(shell(`${scan} nothing --bad 2> /dev/full`)).toEqual([2, "", ""]);
  });
});

describe("usage", () => {
  it("shows help with an example for every command", async () => {
    const commands = [
      "node start",
      ...["build", "install", "list", "info", "enable", "disable", "remove", "reload"].map((verb) => `plugin ${verb}`),
      "rpc call",
      ...["get", "put", "append", "delete", "scan", "cas"].map((verb) => `kv ${verb}`),
      "blob put",
      "blob get",
      ...["verify", "export", "import", "stats"].map((verb) => `store ${verb}`),
      "blob gc",
      ...["submit", "get", "list", "wait", "logs", "cancel", "retry", "remove", "stats"].map((verb) => `job ${verb}`),
      ...["list", "get", "redrive", "purge"].map((verb) => `job dead ${verb}`),
      ...["create", "get", "list", "update", "pause", "resume", "trigger", "remove"].map(
        (verb) => `job schedule ${verb}`,
      ),
      "worker list",
      ...["register", "deregister", "discover", "list", "get", "heartbeat", "health", "update", "watch"].map(
        (verb) => `service ${verb}`,
      ),
    ];
    const helps = await Promise.all(commands.map((command) => aspen([...command.split(" "), "--help"])));
    helps.forEach((help, at) => {
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toContain(`$ aspen ${commands[at]}`);
    });
  });

  it("answers a wrong use with a code and exit status 2", async () => {
    const wrong = [
      ["kv", "get"],
      ["kv", "get", "a", "--nope"],
      ["nope"],
      ["kv", "nope"],
      ["kv", "scan", "--limit", "x"],
    ];
    for (const args of wrong) {
      const { code, stderr } = await aspen(args);
      expect([args, code, stderr]).toEqual([args, 2, expect.stringMatching(/^error INVALID_PARAMS: /)]);
    }
    const json = await aspen(["kv", "get", "--json"]);
    expect(JSON.parse(json.stderr).error.code).toBe("INVALID_PARAMS");
    expect(await aspen(["--version"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

describe("a node that is killed", () => {
  it("has its data when it is back", async () => {
    await aspen(["kv", "put", "keep:me", "yes"], { env });
    expect(await restart("SIGKILL")).toBeNull();
    expect((await aspen(["kv", "get", "keep:me"], { env })).stdout).toBe("yes\n");
    expect(await restart("SIGTERM")).toBe(0);
    expect((await aspen(["kv", "get", "keep:me"], { env })).stdout).toBe("yes\n");
  });
});

test("aspen cluster nodes lists the node that it asks", async () => {
  const { stdout, code } = await aspen(["cluster", "nodes", "--json"], { env });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    nodes: [{ self: true, address: node.url, state: "serving", healthy: true }],
  });
  const shown = await aspen(["cluster", "nodes", "--serving", "kv.get"], { env });
  expect(shown.stdout).toMatch(/^NODE +ADDRESS +VERSION +STATE +LOAD +METHODS +FEATURES +JOBS\n\S+ \(asked\) +http/);
  const nobody = await aspen(["cluster", "nodes", "--serving", "no.body", "--json"], { env });
  expect(JSON.parse(nobody.stdout)).toEqual({ nodes: [] });
});
