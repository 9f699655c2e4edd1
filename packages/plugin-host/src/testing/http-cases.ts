import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LIMITS, RESULT_ERROR } from "@aspen/plugin-api/abi";
import { rejectsWith } from "./expectations.js";
import type { StartedPlugin, StartOptions } from "./runtime-bench.js";
import type { RuntimeCase } from "./runtime-case.js";

const mayAsk = (...hosts: string[]): StartOptions => ({
  manifest: { permissions: ["kv:read", "kv:write", "rpc:call:*", ...hosts.map((one) => `http:${one}` as const)] },
});
const fetchText = (plugin: StartedPlugin, url: string, init: object = {}) => plugin.call("suite.fetch", { url, init });

/** A server of this machine, and the number of its port. */
class TestServer implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #server;

  constructor(listener: RequestListener) {
    this.#server = createServer((request, response) => {
      this.asked.push(request.url ?? "");
      listener(request, response);
    });
  }

  async listen(host = "127.0.0.1", port = 0): Promise<this> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}

/** Answers nobody before so many ask. */
function meeting(count: number): RequestListener {
  const waiting: ServerResponse[] = [];
  return (request, response) => {
    waiting.push(response);
    if (waiting.length === count) for (const one of waiting) one.end(request.url);
  };
}

/** Every form of an address that is not public. */
const FORBIDDEN = [
  ...["127.0.0.1", "2130706433", "0177.0.0.1", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"],
  ...["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255"],
  ...["[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[ff02::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"],
];

export const httpCases: readonly RuntimeCase[] = [
  {
    name: "http: method, headers and body go over; status, headers and body come back",
    async run(bench) {
      await using server = await new TestServer((request, response) => {
        response.writeHead(201, { "content-type": "text/x" });
        response.write(`${request.method} ${request.headers["x-mine"]} `);
        request.pipe(response);
      }).listen();
      const plugin = await bench.start(mayAsk(server.host));
      const init = { method: "POST", headers: { "X-Mine": "1" }, body: "żółć" };
      assert.deepEqual(await fetchText(plugin, `http://${server.host}/a?b`, init), {
        ...{ status: 201, ok: true, from: `http://${server.host}/a?b`, type: "text/x", text: "POST 1 żółć" },
      });
      const host = init.headers;
      await rejectsWith(
        "INVALID_PARAMS",
        fetchText(plugin, `http://${server.host}/`, { headers: { ...host, host: "x" } }),
      );
      await rejectsWith("INVALID_PARAMS", fetchText(plugin, `http://${server.host}/`, { method: "CONNECT" }));
      assert.equal(server.asked.length, 1);
    },
  },
  {
    name: "http: a host that was not granted is refused before anything is asked; so is a hop to one",
    async run(bench) {
      await using other = await new TestServer((_request, response) => response.end("other")).listen();
      await using server = await new TestServer((request, response) => {
        const location = request.url === "/out" ? `http://${other.host}/` : "/end";
        if (request.url === "/end") response.end("end");
        else response.writeHead(302, { location }).end();
      }).listen();
      const plugin = await bench.start(mayAsk(server.host, "*.example.com"));
      const refused = [
        `http://${other.host}/`,
        "http://example.com/",
        "http://a.example.com:8080/",
        "https://b.example.net/",
      ];
      for (const url of refused) await rejectsWith("PERMISSION_DENIED", fetchText(plugin, url));
      for (const url of ["nonsense", "", "http://"]) await rejectsWith("INVALID_PARAMS", fetchText(plugin, url));
      await rejectsWith("OUTBOUND_URL_INVALID", fetchText(plugin, `http://a:b@${server.host}/`));
      await rejectsWith("OUTBOUND_URL_INVALID", fetchText(plugin, `ftp://${server.host}/`));
      await rejectsWith("PERMISSION_DENIED", fetchText(plugin, `http://${server.host}/out`));
      assert.deepEqual(other.asked, []);
      const followed = (await fetchText(plugin, `http://${server.host}/in`)) as { from: string; text: string };
      assert.deepEqual([followed.from, followed.text], [`http://${server.host}/end`, "end"]);
      const manual = (await fetchText(plugin, `http://${server.host}/in`, { redirect: "manual" })) as {
        status: number;
      };
      assert.equal(manual.status, 302);
      const error = fetchText(plugin, `http://${server.host}/in`, { redirect: "error" });
      await rejectsWith("OUTBOUND_REDIRECT_DENIED", error);
      const none = await bench.start();
      await rejectsWith("PERMISSION_DENIED", fetchText(none, `http://${server.host}/`));
    },
  },
  {
    name: "http: an address that is not public is refused in each form, though every host was granted",
    async run(bench) {
      const plugin = await bench.start(mayAsk("*:*"));
      const urls = FORBIDDEN.map((host) => `http://${host}:9/`);
      const codes = (await plugin.call("suite.fetches", urls)) as string[];
      assert.deepEqual(
        urls.map((url, at) => [url, codes[at]]),
        urls.map((url) => [url, "OUTBOUND_ADDRESS_DENIED"]),
      );
    },
  },
  {
    name: "http: a name that changes between check and connect reaches what was checked, and nothing else",
    async run(bench) {
      await using inner = await new TestServer((_request, response) => response.end("inner")).listen();
      const { port } = inner;
      await using checked = await new TestServer((_request, response) => response.end("checked")).listen(
        "127.0.0.2",
        port,
      );
      const answers = ["127.0.0.2", "127.0.0.1"];
      const resolve = async () => [answers.shift() ?? "127.0.0.1"];
      const options = mayAsk(`changes.example:${port}`, `127.0.0.2:${port}`);
      const plugin = await bench.start({ ...options, outbound: { resolve } });
      const first = (await fetchText(plugin, `http://changes.example:${port}/`)) as { text: string };
      assert.equal(first.text, "checked");
      assert.deepEqual(answers, ["127.0.0.1"]);
      assert.equal(checked.asked.length, 1);
      const later = await bench.start({ ...options, outbound: { resolve } });
      await rejectsWith("OUTBOUND_ADDRESS_DENIED", fetchText(later, `http://changes.example:${port}/`));
      assert.deepEqual(inner.asked, []);
      // What was granted for one port opens no other one.
      const elsewhere = await bench.start({ ...mayAsk("*:*", `127.0.0.1:${port + 1}`), outbound: { resolve } });
      await rejectsWith("OUTBOUND_ADDRESS_DENIED", fetchText(elsewhere, `http://changes.example:${port}/`));
    },
  },
  {
    name: "http: a body comes in parts; an endless one ends with a code, and the plugin goes on",
    async run(bench) {
      await using server = await new TestServer((request, response) => {
        if (request.url === "/part") return response.write("part");
        if (request.url === "/million") return response.end(Buffer.alloc(1_000_000));
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(262_144)));
        };
        response.on("drain", more);
        more();
      }).listen();
      const plugin = await bench.start(mayAsk(server.host));
      const url = (path: string) => `http://${server.host}${path}`;
      assert.deepEqual(await plugin.call("suite.fetchParts", url("/million")), {
        bytes: 1_000_000,
        several: true,
        used: true,
      });
      assert.ok(((await plugin.call("suite.fetchFirst", url("/endless"))) as number) > 0);
      await rejectsWith("PAYLOAD_TOO_LARGE", plugin.call("suite.fetchParts", url("/endless")));
      await rejectsWith("OUTBOUND_TIMEOUT", fetchText(plugin, url("/part"), { timeoutMs: 200 }));
      assert.equal(await plugin.call("suite.echo", "on"), "on");
    },
  },
  {
    name: "http: forged handles and tickets are refused, and so are those of another call",
    async run(bench) {
      await using server = await new TestServer((_request, response) => response.end("once")).listen();
      const plugin = await bench.start(mayAsk(server.host));
      const raw = (name: string, ...args: string[]) => plugin.call("suite.raw", { name, args });
      const code = async (call: Promise<unknown>) => {
        const { tag, text } = (await call) as { tag: number; text: string };
        return tag === RESULT_ERROR ? JSON.parse(text).code : `tag ${tag}`;
      };
      await fetchText(plugin, `http://${server.host}/`);
      for (const handle of ["0", "1", "-1", "2147483648", "1.5", "9007199254740993"]) {
        for (const name of ["http_read", "http_close"]) assert.equal(await code(raw(name, handle)), "HANDLE_UNKNOWN");
        assert.equal(await code(raw("call_wait", `[${handle}]`)), "HANDLE_UNKNOWN");
      }
      for (const handle of ["null", '"1"', "[1]", "{}", "x", "1".repeat(100)]) {
        assert.match(await code(raw("http_read", handle)), /INVALID_PARAMS|PAYLOAD_TOO_LARGE/);
      }
      const tickets = ["[]", "{}", "1", `[${"1,".repeat(64)}1]`];
      for (const list of tickets) assert.equal(await code(raw("call_wait", list)), "INVALID_PARAMS");
      for (const name of ["kv_get", "call_submit", "call_wait", "log_write", "none", ""]) {
        assert.equal(await code(raw("call_submit", name, "")), "INVALID_PARAMS");
      }
    },
  },
  {
    name: "http: what a call leaves open ends with it; more than 64 are refused",
    async run(bench) {
      let open = 0;
      await using server = await new TestServer((_request, response) => {
        open += 1;
        response.on("close", () => {
          open -= 1;
        });
        response.writeHead(200).write("open");
      }).listen();
      const plugin = await bench.start(mayAsk(server.host));
      const answer = await plugin.call("suite.fetchKept", `http://${server.host}/`);
      assert.deepEqual(answer, { refused: "LIMIT_EXCEEDED", again: 200 });
      const deadline = performance.now() + 60_000;
      while (open > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(open, 0);
    },
  },
  {
    name: "several requests, and several calls, that begin together are under way together",
    async run(bench) {
      const count = 16;
      await using server = await new TestServer(meeting(count)).listen();
      const plugin = await bench.start(mayAsk(server.host));
      const urls = Array.from({ length: count }, () => `http://${server.host}/met`);
      assert.deepEqual(
        await plugin.call("suite.fetches", urls),
        urls.map(() => "/met"),
      );
      const waiting: (() => void)[] = [];
      bench.methods.register({
        ...{ name: "meeting", priority: 500, methods: [{ method: "meeting.wait" }] },
        canHandle: (method: string) => method === "meeting.wait",
        async handle() {
          await new Promise<void>((resolve) => {
            waiting.push(resolve);
            if (waiting.length === 4) for (const go of waiting) go();
          });
          return "met";
        },
      });
      const methods = Array.from({ length: 4 }, () => "meeting.wait");
      assert.deepEqual(
        await plugin.call("suite.rpcs", methods),
        methods.map(() => "met"),
      );
      // More than may be under way at once: those beyond wait for their turn.
      const all = Array.from({ length: LIMITS.ticketsPerCall + 2 }, () => "http://127.0.0.9:1/");
      assert.deepEqual(
        await plugin.call("suite.fetches", all),
        all.map(() => "PERMISSION_DENIED"),
      );
    },
  },
];
