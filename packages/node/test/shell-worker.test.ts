import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;

beforeAll(async () => {
  directory = await temporaryDirectory();
  node = await startNode(directory.path, { features: { "shell-worker": { limits: { memoryMiB: 64 } } } });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

const rpc = async (method: string, params: unknown) =>
  (await http(node.url, `/rpc/${method}`, { body: JSON.stringify(params) })).body;

test("a node with shell-worker on has jobs as well, and runs a shell job", async () => {
  const submitted = await rpc("job.submit", { type: "shell", payload: { command: "echo", args: ["hi"] } });
  const { id } = submitted as { id: string };
  expect(await rpc("job.wait", { id })).toMatchObject({ status: "completed", result: { exitCode: 0, stdout: "hi\n" } });
});
