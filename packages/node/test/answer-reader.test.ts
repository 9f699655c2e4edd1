import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "@jest/globals";
import { Agent } from "undici";
import { AnswerReader, type RawAnswer } from "../src/cluster/answer-reader.js";

/** A server and a client that has one connection to it. */
async function serving(answer: RequestListener) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agent = new Agent({ connections: 1, pipelining: 1 });
  const ask = (signal: AbortSignal, limit = 1000) =>
    new Promise<RawAnswer>((resolve, reject) => {
      const tooLarge = () => new Error("too large");
      agent.dispatch(
        { origin, path: "/", method: "POST", body: "{}" },
        new AnswerReader({ signal, limit, tooLarge, resolve, reject }),
      );
    });
  return {
    server,
    ask,
    async [Symbol.asyncDispose]() {
      await agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const never = new AbortController().signal;

test("an answer in parts is put together, with the status of the last head", async () => {
  await using one = await serving((_request, response) => {
    response.writeEarlyHints({ link: "</a>; rel=preload" });
    response.writeHead(409);
    response.write("one ");
    setImmediate(() => response.end("two"));
  });
  const { status, bytes } = await one.ask(never);
  expect(status).toBe(409);
  expect(String(bytes)).toBe("one two");
});

test("an answer without a body has no bytes", async () => {
  await using one = await serving((_request, response) => response.writeHead(204).end());
  expect(await one.ask(never)).toEqual({ status: 204, bytes: Buffer.alloc(0) });
});

test("no more than the limit is read, and the connection is closed", async () => {
  let ended: Promise<unknown> = Promise.resolve();
  await using one = await serving((_request, response) => {
    ended = once(response, "close");
    response.write(Buffer.alloc(1001));
  });
  await expect(one.ask(never)).rejects.toThrow("too large");
  await ended;
});

test("an answer that is cut off fails", async () => {
  await using one = await serving((_request, response) => {
    response.writeHead(200, { "content-length": "10" });
    response.write("half", () => response.destroy());
  });
  await expect(one.ask(never)).rejects.toMatchObject({ code: "UND_ERR_SOCKET" });
});

test("an abort ends a request under way, and at once one that waits for its connection", async () => {
  let ended: Promise<unknown> = Promise.resolve();
  await using one = await serving((_request, response) => {
    ended = once(response, "close");
  });
  const [first, second] = [new AbortController(), new AbortController()];
  const arrived = once(one.server, "request");
  const underWay = one.ask(first.signal);
  const waiting = one.ask(second.signal);
  await arrived;
  second.abort(new Error("second gone"));
  await expect(waiting).rejects.toThrow("second gone");
  first.abort(new Error("first gone"));
  await expect(underWay).rejects.toThrow("first gone");
  await ended;
});
