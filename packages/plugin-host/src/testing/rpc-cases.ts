import assert from "node:assert/strict";
import { LIMITS } from "@aspen/plugin-api/abi";
import { type Caller, LOCAL_CALLER, type RequestContext } from "@aspen/rpc-core";
import { rejectsWith } from "./expectations.js";
import type { RuntimeBench, StartedPlugin, StartOptions } from "./runtime-bench.js";
import type { RuntimeCase } from "./runtime-case.js";

const mayCall = (...patterns: string[]): StartOptions => ({
  manifest: { permissions: ["kv:read", "kv:write", ...patterns.map((one) => `rpc:call:${one}` as const)] },
});
const rpc = (plugin: StartedPlugin, method: string, params: unknown = null, options: object = {}) =>
  plugin.call("suite.rpc", { method, params, ...options });

/** A method that answers when it is given up, and the contexts of its calls. */
function endless(bench: RuntimeBench): { begun: Promise<RequestContext>; ended: Promise<void> } {
  let end = () => {};
  let begin = (_context: RequestContext) => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const begun = new Promise<RequestContext>((resolve) => {
    begin = resolve;
  });
  bench.methods.register({
    ...{
      name: "endless",
      priority: 500,
      methods: [{ method: "endless.wait" }],
      canHandle: (method: string) => method === "endless.wait",
    },
    async handle(_request, context) {
      begin(context);
      await new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve(), { once: true }));
      end();
    },
  });
  return { begun, ended };
}

export const rpcCases: readonly RuntimeCase[] = [
  {
    name: "a plugin calls another one, with its own name and what it and its caller may both",
    async run(bench) {
      await bench.start({ fixture: "neighbour", config: { of: "neighbour" } });
      const plugin = await bench.start(mayCall("neighbour.config", "endless.*"));
      assert.deepEqual(await rpc(plugin, "neighbour.config"), { of: "neighbour" });
      const { begun } = endless(bench);
      const caller: Caller = {
        kind: "token",
        id: "t",
        grants: { methods: ["endless.*"], kvPrefixes: ["suite:a", "x:"] },
      };
      const given = new AbortController();
      const params = { method: "endless.wait", params: null };
      const call = rejectsWith("CANCELLED", plugin.call("suite.rpc", params, { caller, signal: given.signal }));
      const { caller: asked, requestId } = await begun;
      assert.deepEqual(asked, {
        ...{ kind: "plugin", id: "suite", through: ["suite"], token: "t" },
        grants: { methods: ["endless.*"], kvPrefixes: ["suite:a"] },
      });
      assert.equal(requestId, "suite-request");
      const denied = plugin.call("suite.rpc", { method: "neighbour.config", params: null }, { caller });
      given.abort();
      await call;
      await rejectsWith("PERMISSION_DENIED", denied);
    },
  },
  {
    name: "errors of the plugin that is called keep their code; params and results are those of any call",
    async run(bench) {
      await bench.start({ fixture: "neighbour" });
      const plugin = await bench.start(mayCall("*"));
      await rejectsWith("KV_NAMESPACE_DENIED", rpc(plugin, "neighbour.read", "suite:a"));
      await rejectsWith("METHOD_NOT_FOUND", rpc(plugin, "nobody.home"));
      const error = await rejectsWith("INVALID_PARAMS", rpc(plugin, "neighbour.config", null, { timeoutMs: 0 }));
      assert.match(error.message, /timeoutMs/);
      await rejectsWith("INVALID_PARAMS", rpc(plugin, "neighbour.*"));
    },
  },
  {
    name: "a method that was not granted is refused; so is one from a plugin's own start",
    async run(bench) {
      await bench.start({ fixture: "neighbour" });
      const plugin = await bench.start(mayCall("neighbour.read"));
      const error = await rejectsWith("PERMISSION_DENIED", rpc(plugin, "neighbour.config"));
      assert.equal(error.details?.permission, "rpc:call:neighbour.config");
      assert.deepEqual(bench.denied, ["suite rpc_call PERMISSION_DENIED"]);
      await plugin.instance[Symbol.asyncDispose]();
      await rejectsWith("PERMISSION_DENIED", bench.start({ ...mayCall("*"), config: { init: "rpc" } }));
    },
  },
  {
    name: "a ring of plugins is RPC_CYCLE, a chain that is too long RPC_TOO_DEEP",
    async run(bench) {
      const plugin = await bench.start({ manifest: { ...mayCall("*").manifest, max_instances: 1 } });
      const error = await rejectsWith("RPC_CYCLE", rpc(plugin, "suite.echo", 1));
      assert.deepEqual(error.details, { plugins: ["suite", "suite"] });
      const through = Array.from({ length: LIMITS.rpcDepth }, (_, n) => `p${n}`);
      const ring: Caller = { ...LOCAL_CALLER, kind: "plugin", id: "p0", through: ["p0"] };
      assert.equal(await plugin.call("suite.echo", 1, { caller: ring }), 1);
      const params = { method: "suite.echo", params: 1 };
      await rejectsWith("RPC_TOO_DEEP", plugin.call("suite.rpc", params, { caller: { ...ring, through } }));
      assert.equal(await plugin.call("suite.echo", 2), 2);
    },
  },
  {
    name: "a call without an answer ends at its own time, and that of the call from which it comes",
    async run(bench) {
      const plugin = await bench.start(mayCall("*"));
      const first = endless(bench);
      await rejectsWith("DEADLINE_EXCEEDED", rpc(plugin, "endless.wait", null, { timeoutMs: 50 }));
      await first.ended;
      await plugin.instance[Symbol.asyncDispose]();
      const short = await bench.start({ manifest: { ...mayCall("*").manifest, execution_timeout_ms: 1000 } });
      const error = await rpc(short, "endless.wait").then(
        () => assert.fail("it answered"),
        ({ code }: { code: string }) => code,
      );
      // Whichever of the two the machine comes to first.
      assert.ok(["DEADLINE_EXCEEDED", "PLUGIN_TIMEOUT"].includes(error), error);
      assert.equal(await short.call("suite.echo", 1), 1);
    },
  },
  {
    name: "while a plugin waits for its call, others answer; when it is stopped, its call is given up",
    async run(bench) {
      const neighbour = await bench.start({ fixture: "neighbour", config: { of: "neighbour" } });
      const plugin = await bench.start(mayCall("*"));
      const { begun, ended } = endless(bench);
      const call = assert.rejects(rpc(plugin, "endless.wait"));
      await begun;
      assert.deepEqual(await neighbour.call("neighbour.config"), { of: "neighbour" });
      assert.equal(await plugin.call("suite.echo", 1), 1);
      await plugin.instance[Symbol.asyncDispose]();
      await ended;
      await call;
    },
  },
];
