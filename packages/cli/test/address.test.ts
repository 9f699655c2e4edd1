import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { aspen } from "./support.js";

/** What stands in for a proxy that serves a node below a path and asks for a password. */
let proxy: Server;
let port: number;
let seen: IncomingMessage[];

beforeAll(async () => {
  proxy = createServer((request, response) => {
    seen.push(request);
    response.end(JSON.stringify({ key: "a", value: "from behind", version: 1 }));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  port = (proxy.address() as AddressInfo).port;
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  await new Promise((resolve) => proxy.close(resolve));
});

describe("the address of a node", () => {
  it.each([
    ["", "/rpc/kv.get"],
    ["/", "/rpc/kv.get"],
    ["/aspen", "/aspen/rpc/kv.get"],
    ["/aspen/", "/aspen/rpc/kv.get"],
    ["/a%20b/c", "/a%20b/c/rpc/kv.get"],
  ])("keeps its path %j", async (path, url) => {
    const ran = await aspen(["kv", "get", "a", "--node", `http://127.0.0.1:${port}${path}`]);
    expect(ran).toMatchObject({ code: 0, stdout: "from behind\n", stderr: "" });
    expect(seen.map((request) => request.url)).toEqual([url]);
  });

  it.each([
    ["ada:secret", "ada:secret"],
    ["ada", "ada:"],
    ["a%40b:p%3A%2Fw", "a@b:p:/w"],
  ])("sends its credentials %j as Basic", async (userinfo, credentials) => {
    const address = `http://${userinfo}@127.0.0.1:${port}/aspen`;
    expect(await aspen(["kv", "get", "a"], { env: { ASPEN_NODE: address } })).toMatchObject({ code: 0 });
    const [scheme, base64] = seen[0]!.headers.authorization!.split(" ");
    expect([scheme, Buffer.from(base64!, "base64").toString()]).toEqual(["Basic", credentials]);
  });

  it("sends none without", async () => {
    await aspen(["kv", "get", "a", "--node", `http://127.0.0.1:${port}`]);
    expect(seen[0]!.headers.authorization).toBeUndefined();
  });

  it.each([
    ["of no node", 7, ["kv", "get", "a", "--node", "http://ada:hunter2@127.0.0.1:1/x"]],
    ["with a bad port", 2, ["kv", "get", "a", "--node", "http://ada:hunter2@127.0.0.1:99999"]],
    ["of another protocol", 2, ["kv", "get", "a", "--node", "ftp://ada:hunter2@127.0.0.1"]],
    ["with a query", 2, ["kv", "get", "a", "--node", "http://ada:hunter2@127.0.0.1/?x"]],
    ["that is not encoded", 2, ["kv", "get", "a", "--node", "http://ada:hunter2%zz@127.0.0.1"]],
    ["in an option that there is not", 2, ["kv", "get", "a", "--nod=http://ada:hunter2@127.0.0.1"]],
    ["with a quote and a blank", 2, ["http://ada:it's hunter2@127.0.0.1"]],
    ["without a protocol", 2, ["node", "start", "--listen", "ada:hunter2@127.0.0.1"]],
    ["before the noun", 2, ["--node", "http://ada:hunter2@127.0.0.1:99999", "kv", "get", "a"]],
  ])("does not show a password: an address %s", async (_what, code, args) => {
    for (const flags of [[], ["--json"]]) {
      const ran = await aspen([...args, ...flags]);
      expect(ran).toMatchObject({ code, stdout: "" });
      expect(ran.stderr).toMatch(/NODE_UNREACHABLE|INVALID_PARAMS/);
      expect(ran.stderr).not.toContain("hunter2");
    }
  });
});

describe("options before the noun", () => {
  it.each([
    [["--json", "kv", "get", "a"]],
    [["kv", "--json", "get", "a"]],
    [["kv", "get", "--json", "a"]],
    [["kv", "get", "a", "--json"]],
  ])("are those behind it: %j", async (args) => {
    const ran = await aspen([...args, "--node", `http://127.0.0.1:${port}`]);
    expect(JSON.parse(ran.stdout)).toEqual({ key: "a", value: "from behind", version: 1 });
  });

  it("count less than one behind it, and more than the environment", async () => {
    const here = `http://127.0.0.1:${port}`;
    const env = { ASPEN_NODE: "http://127.0.0.1:1" };
    expect(await aspen(["--node", here, "--timeout", "5", "kv", "get", "a"], { env })).toMatchObject({ code: 0 });
    const nearest = ["--node", "http://127.0.0.1:1", "kv", "--node", "http://127.0.0.1:2", "get", "a", "--node", here];
    expect(await aspen(nearest)).toMatchObject({ code: 0 });
    expect(await aspen(["--timeout", "x", "kv", "get", "a"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/whole number from 1 to 300/),
    });
  });

  it("are refused where the command does not know them", async () => {
    expect(await aspen(["--node", "http://127.0.0.1:1", "plugin", "build", "."])).toMatchObject({
      code: 2,
      stderr: "error INVALID_PARAMS: `plugin build` has no option --node; --help shows what the command takes\n",
    });
  });
});

describe("an empty variable of the environment", () => {
  it("counts as unset", async () => {
    const env = { ASPEN_NODE: "", ASPEN_REDIS_URL: "" };
    expect(await aspen(["kv", "get", "a", "--node", `http://127.0.0.1:${port}`], { env })).toMatchObject({ code: 0 });
    expect((await aspen(["kv", "get", "--help"], { env })).stdout).toContain("http://127.0.0.1:7070");
    expect(await aspen(["store", "stats"], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/name the store with --data-dir DIR or --redis URL/),
    });
  });
});

describe("an error of a node", () => {
  it("is shown with the details that its message does not have", async () => {
    const failing = createServer((_request, response) => {
      response.statusCode = 400;
      response.end(
        JSON.stringify({
          error: {
            code: "ORDER_INVALID",
            message: "the order o-1 is not valid",
            details: {
              order: "o-1",
              fields: [{ field: "amount", rule: "must be positive" }],
              list: Array.from({ length: 40 }, (_, i) => `item ${i}`),
              steering: "\u001b[2J",
            },
          },
        }),
      );
    });
    await new Promise<void>((resolve) => failing.listen(0, "127.0.0.1", resolve));
    const ran = await aspen([
      "kv",
      "get",
      "a",
      "--node",
      `http://127.0.0.1:${(failing.address() as AddressInfo).port}`,
    ]);
    failing.close();
    const lines = ran.stderr.trimEnd().split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "error ORDER_INVALID: the order o-1 is not valid",
      "  fields[0].field: amount",
      "  fields[0].rule: must be positive",
      "  list[0]: item 0",
    ]);
    expect(lines.length).toBe(22);
    expect(lines.at(-1)).toBe("  … (--json shows all)");
  });
});
