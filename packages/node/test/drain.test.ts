import { NodeProcess } from "./child.js";
import { answersIn, connect, expectErrorShape } from "./raw.js";
import { http, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

const start = (limits: { drainMs?: number } = {}) =>
  NodeProcess.start({ dataDir: directory.path, limits, features: { "plugins-wasm": false } });

const GET = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
const post = (body: string, length = body.length) =>
  `POST /rpc/test.wait HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${length}\r\n\r\n${body}`;
const data = (socket: import("node:net").Socket) => new Promise((resolve) => socket.once("data", resolve));

/** Asks until it is refused; counts what it got. */
async function askUntilRefused(ask: () => Promise<Response>, seen: Map<string, number>, onAnswer: () => void) {
  const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  for (;;) {
    try {
      const response = await ask();
      await response.text();
      count(String(response.status));
      onAnswer();
    } catch (error) {
      const { code } = (error as { cause?: { code?: string } }).cause ?? {};
      count(code ?? String(error));
      return;
    }
  }
}

describe("a node that is stopped", () => {
  it("drops none of 16 loops of fetch without a word", async () => {
    for (let round = 0; round < 3; round += 1) {
      await using node = start();
      const url = (await node.said("url")) as string;
      const seen = new Map<string, number>();
      let answers = 0;
      let warm!: () => void;
      const warmed = new Promise<void>((resolve) => {
        warm = resolve;
      });
      const onAnswer = () => {
        answers += 1;
        if (answers === 200) warm();
      };
      const asks = [
        () => fetch(`${url}/rpc/kv.put`, { method: "POST", body: '{"key":"t:a","value":"1"}' }),
        () => fetch(`${url}/rpc/test.wait`, { method: "POST", body: '{"ms":5}' }),
        () => fetch(`${url}/rpc/node.info`, { method: "POST" }),
        () => fetch(`${url}/healthz`),
      ];
      const loops = Array.from({ length: 16 }, (_, index) => askUntilRefused(asks[index % 4]!, seen, onAnswer));
      await warmed;
      node.signal("SIGTERM");
      await Promise.all(loops);
      const { 200: ok, ECONNREFUSED: refused, ...rest } = Object.fromEntries(seen);
      expect({ refused, rest }).toEqual({ refused: 16, rest: {} });
      expect(ok).toBeGreaterThanOrEqual(200);
      expect(await node.ended).toBe(0);
    }
  });

  it("answers on open connections and new ones while a call is under way, and says that each is the last", async () => {
    await using node = start();
    const url = (await node.said("url")) as string;
    const idle = await connect(url, GET);
    await data(idle.socket);
    const call = http(url, "/rpc/test.wait", { body: '{"ms":1500}' });
    await node.said("called");
    node.signal("SIGTERM");
    let status = "ok";
    while (status === "ok") {
      // From the first moment of the stop, an answer says so.
      const { body, headers } = await http(url, "/healthz", { method: "GET", headers: { connection: "keep-alive" } });
      status = body.status;
      expect(headers.connection).toBe(status === "ok" ? "keep-alive" : "close");
    }
    expect(status).toBe("draining");
    idle.socket.write(GET);
    const [before, during] = answersIn(await idle.ended);
    expect(before!.body).toEqual({ status: "ok" });
    expect(before!.header("connection")).toBe("keep-alive");
    expect(during!.body).toEqual({ status: "draining" });
    expect(during!.header("connection")).toBe("close");
    expect(await http(url, "/rpc/node.info", { body: "{}" })).toMatchObject({ status: 200 });
    expect(await call).toMatchObject({ status: 200, body: { waited: 1500 } });
    expect(await node.ended).toBe(0);
  });

  it("answers pipelined requests before it ends their connection", async () => {
    await using node = start();
    const url = (await node.said("url")) as string;
    const { ended } = await connect(url, post('{"ms":2000}') + post('{"ms":2001}'));
    await node.said("called");
    node.signal("SIGTERM");
    const answers = answersIn(await ended);
    expect(answers.map(({ status, header }) => [status, header("connection")])).toEqual([
      [200, "keep-alive"],
      [200, "close"],
    ]);
    expect(await node.ended).toBe(0);
  });

  it("ends connections without a request after a moment, and answers half a request", async () => {
    await using node = start();
    const url = (await node.said("url")) as string;
    const silent = await connect(url);
    const idle = await connect(url, GET);
    await data(idle.socket);
    const half = await connect(url, "POST /rpc/kv.get HTTP/1.1\r\nhost: local");
    node.signal("SIGTERM");
    expect(await silent.ended).toBe("");
    expect(answersIn(await idle.ended)).toHaveLength(1);
    const [answer] = answersIn(await half.ended);
    expectErrorShape(answer!, 503, "NODE_UNREACHABLE");
    expect(await node.ended).toBe(0);
  });

  it("tells those it cannot wait for", async () => {
    await using node = start({ drainMs: 200 });
    const url = (await node.said("url")) as string;
    const running = await connect(url, post('{"ms":600000}'));
    await node.said("called");
    const half = await connect(url, post('{"ms":1', 100));
    const ping = await connect(url, GET);
    await data(ping.socket);
    node.signal("SIGTERM");
    expectErrorShape(answersIn(await running.ended)[0]!, 503, "OUTCOME_UNKNOWN");
    expectErrorShape(answersIn(await half.ended)[0]!, 503, "NODE_UNREACHABLE");
    await node.said("stopped");
    expect(node.stderr).toContain("stopping with calls under way");
  });

  it("does not wait when nothing is open", async () => {
    await using node = start({ drainMs: 600_000 });
    await node.said("url");
    node.signal("SIGTERM");
    expect(await node.ended).toBe(0);
  });
});
