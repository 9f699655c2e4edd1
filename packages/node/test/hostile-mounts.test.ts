import { once } from "node:events";
import { type HttpMount, POINTS } from "@aspen/feature";
import { AspenError } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ContainerModule } from "inversify";
import { pino } from "pino";
import { type AspenNode, createNode } from "../src/index.js";
import { hostileThrows } from "./hostile.js";
import { answersIn, connect } from "./raw.js";
import { featureOf, http } from "./support.js";

const config = { listen: { port: 0 }, features: { "plugins-wasm": false } } as const;
const lines: Record<string, unknown>[] = [];
const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });

let handle: HttpMount["handle"];
const mount: HttpMount = {
  ...{ prefix: "/try", access: "caller", maxBodyBytes: null },
  handle: (...given) => handle(...given),
};
const feature = (mounts: HttpMount[]) =>
  featureOf(
    new ContainerModule(({ bind }) => {
      for (const it of mounts) bind(POINTS.httpMount).toConstantValue(it);
    }),
  );

let store: MemoryStore;
let node: AspenNode;
beforeAll(async () => {
  store = new MemoryStore();
  const limits = { requestTimeoutMs: 200 };
  node = await createNode({ store, config: { ...config, limits }, features: [feature([mount])], log });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const alive = async () => expect(await http(node.url, "/rpc/node.info", { body: "{}" })).toMatchObject({ status: 200 });
const asked = () => http(node.url, "/try", { method: "GET" });

describe("a mount that throws", () => {
  it.each(hostileThrows)("%s is answered, and its defect is in the log", async (_name, thrown, reason) => {
    for (const rude of [
      () => {
        throw thrown;
      },
      async () => {
        throw thrown;
      },
      () => Promise.reject(thrown),
    ]) {
      lines.length = 0;
      handle = rude;
      const answer = await asked();
      expect(answer).toMatchObject({ status: 500, body: { error: { code: "INTERNAL" } } });
      const { requestId } = answer.body.error;
      expect(lines).toContainEqual(
        expect.objectContaining({
          ...{ msg: "refused", mount: "/try", requestId },
          err: expect.objectContaining({ message: expect.stringMatching(reason) }),
        }),
      );
    }
  });

  it("an error with details that JSON cannot hold is answered without them", async () => {
    const details: Record<string, unknown> = { n: 1n };
    details.self = details;
    handle = async () => {
      throw new AspenError("KV_CONFLICT", "no", details);
    };
    expect(await asked()).toMatchObject({
      status: 409,
      body: { error: { code: "KV_CONFLICT", message: "no", details: {} } },
    });
    handle = async () => {
      throw Object.assign(new Error("no"), { name: "AspenError", code: "KV_CONFLICT" });
    };
    expect(await asked()).toMatchObject({ status: 409, body: { error: { code: "KV_CONFLICT" } } });
  });

  it("after it answered leaves the answer as it is", async () => {
    handle = async (_request, response) => {
      response.end("1");
      throw new Error("too late");
    };
    expect(await asked()).toMatchObject({ status: 200, body: 1 });
    handle = async (_request, response) => {
      response.statusMessage = "no\nheader";
      throw new Error("with a spoilt status");
    };
    expect(await asked()).toMatchObject({ status: 500, body: { error: { code: "INTERNAL" } } });
  });
});

describe("a mount that misuses its streams ends its own request alone", () => {
  it("by writing after the end", async () => {
    handle = async (_request, response) => {
      response.end("1");
      response.write("2");
      response.end("3");
      await new Promise((resolve) => setImmediate(resolve));
      response.write("4");
    };
    expect(await asked()).toMatchObject({ status: 200, body: 1 });
    await alive();
  });

  it("by writing after its request is over", async () => {
    const over = new Promise<void>((resolve) => {
      handle = async (_request, response) => {
        response.end("1");
        setTimeout(() => {
          response.write("2");
          try {
            response.setHeader("a", "b");
          } catch {
            // Node says so at once.
          }
          setTimeout(resolve, 50);
        }, 50);
      };
    });
    expect(await asked()).toMatchObject({ status: 200, body: 1 });
    await over;
    await alive();
  });

  it.each([
    ["socket", (_request, response) => void response.socket?.destroy(new Error("mine"))],
    ["request", (request) => void request.destroy(new Error("mine"))],
    ["response", (_request, response) => void response.destroy(new Error("mine"))],
    [
      "answer, after a part",
      (_request, response) => {
        response.write("a");
        response.destroy(new Error("mine"));
      },
    ],
  ] as [string, (...given: Parameters<HttpMount["handle"]>) => void][])("by destroying its %s", async (_n, destroy) => {
    handle = async (...given) => destroy(...given);
    const { ended } = await connect(node.url, "GET /try HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    const [answer] = answersIn((await ended.catch(() => "")) as string);
    // A request that is destroyed can still be answered; the others take the connection with them.
    if (answer) expect([200, 500]).toContain(answer.status);
    await alive();
  });

  it.each([
    ["nothing", undefined],
    ["a number", 5],
    ["a plain object", {}],
  ])("by giving %s in place of a promise", async (_name, given) => {
    handle = ((_request: unknown, response: { end(text: string): void }) => {
      response.end("1");
      return given;
    }) as never;
    expect(await asked()).toMatchObject({ status: 200, body: 1 });
  });

  it("by emitting errors on them", async () => {
    handle = async (request, response) => {
      request.emit("error", new Error("mine"));
      response.emit("error", new Error("mine"));
      response.end("1");
    };
    expect(await asked()).toMatchObject({ status: 200, body: 1 });
  });

  it("by never answering: it is answered after the time of a request when it has returned", async () => {
    handle = async () => {};
    expect(await asked()).toMatchObject({ status: 500, body: { error: { code: "INTERNAL" } } });
    handle = async (_request, response) => void response.setHeader("content-length", 5);
    expect(await asked()).toMatchObject({ status: 500, body: { error: { code: "INTERNAL" } } });
  });

  it("but may answer later than it returns, and later than the time of a request while it has not", async () => {
    handle = async (_request, response) => void setTimeout(() => response.end("1"), 20);
    expect(await asked()).toMatchObject({ status: 200, body: 1 });
    handle = async (_request, response) => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      response.end("1");
    };
    expect(await asked()).toMatchObject({ status: 200, body: 1 });
    handle = async (_request, response) => {
      response.write("1");
      setTimeout(() => response.end(), 400);
    };
    expect(await asked()).toMatchObject({ status: 200, body: 1 });
  });
});

it("a mount that hangs does not keep the node", async () => {
  await using own = new MemoryStore();
  const options = { store: own, config: { ...config, limits: { drainMs: 50 } }, log };
  const stopping = await createNode({ ...options, features: [feature([mount])] });
  const begun = new Promise<void>((resolve) => {
    handle = () => {
      resolve();
      return new Promise(() => {});
    };
  });
  const { ended, socket } = await connect(stopping.url, "GET /try HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await begun;
  await stopping[Symbol.asyncDispose]();
  expect(answersIn(await ended)[0]).toMatchObject({ status: 503, body: { error: { code: "OUTCOME_UNKNOWN" } } });
  if (!socket.closed) await once(socket, "close");
});

it.each([
  ["access", { access: "callers" }, /access must be/],
  ["access", { access: undefined }, /access must be/],
  ["maxBodyBytes", { maxBodyBytes: undefined }, /maxBodyBytes must be/],
  ["maxBodyBytes", { maxBodyBytes: -1 }, /maxBodyBytes must be/],
  ["maxBodyBytes", { maxBodyBytes: Number.NaN }, /maxBodyBytes must be/],
])("a mount with another %s is refused at the start", async (_field, more, message) => {
  const wrong = { ...mount, ...more } as HttpMount;
  const failed = createNode({ store, config: { ...config, logLevel: "silent" }, features: [feature([wrong])] });
  await expect(failed).rejects.toMatchObject({ code: "CONFIG_INVALID", message: expect.stringMatching(message) });
});
