import assert from "node:assert/strict";
import { AspenError, ERROR_CLASSES, encodeUtf8, LIMITS } from "@aspen/plugin-api/abi";
import { JsonBytes, LOCAL_CALLER } from "@aspen/rpc-core";
import { rejectsWith } from "./expectations.js";
import type { RuntimeCase } from "./runtime-case.js";

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

export const callCases: readonly RuntimeCase[] = [
  {
    name: "what is sent comes back as JSON has it",
    async run(bench) {
      const plugin = await bench.start();
      for (const value of [null, true, 0, -1.5, 1e300, "żółć 🦔 \u0000", [], {}, [{ a: [1, "2", null] }]]) {
        assert.deepEqual(await plugin.call("suite.echo", value), value);
      }
      assert.equal(await plugin.call("suite.echo", undefined), null);
      assert.equal(await plugin.call("suite.nothing"), null);
    },
  },
  {
    name: "bytes in a result travel as base64",
    async run(bench) {
      const plugin = await bench.start();
      assert.deepEqual(await plugin.call("suite.bytes"), { some: { base64: "AP+A" }, none: { base64: "" } });
    },
  },
  {
    name: "a handler learns its method, the request's id, and who asks with what grants",
    async run(bench) {
      const plugin = await bench.start();
      const grants = { methods: ["suite.*"], kvPrefixes: ['a"b:', ""] };
      const caller = { kind: "token", id: "t-1", grants } as const;
      assert.deepEqual(await plugin.call("suite.context", null, { requestId: "r-1", caller }), {
        method: "suite.context",
        requestId: "r-1",
        caller,
      });
    },
  },
  {
    name: "a handler that changes its params changes nothing of the caller's",
    async run(bench) {
      const plugin = await bench.start();
      const params = { list: [0] };
      assert.equal(await plugin.call("suite.mutate", params), 2);
      assert.deepEqual(params, { list: [0] });
    },
  },
  {
    name: "an error keeps its code, message and details",
    async run(bench) {
      const plugin = await bench.start();
      const coded = await rejectsWith("SUITE_REFUSED", plugin.call("suite.fail", "coded"));
      assert.equal(coded.message, "not today");
      assert.deepEqual(coded.details, { day: "today" });
      const object = await rejectsWith("SUITE_OBJECT", plugin.call("suite.fail", "object"));
      assert.equal(object.message, "an object");
      assert.deepEqual(object.details, { n: 1 });
    },
  },
  {
    name: "the class of a plugin's own error decides its statuses, and no class changes those of the table",
    async run(bench) {
      const plugin = await bench.start();
      for (const [errorClass, { http, grpc, exit }] of Object.entries(ERROR_CLASSES)) {
        const error = await rejectsWith("SUITE_CLASSED", plugin.call("suite.failAs", { errorClass }));
        assert.deepEqual([error.status.http, error.status.grpc, error.status.exit], [http, grpc, exit]);
        assert.deepEqual([error.class, error.details], [errorClass, { n: 1 }]);
      }
      const odd = await rejectsWith("SUITE_CLASSED", plugin.call("suite.failAs", { errorClass: "constructor" }));
      assert.deepEqual([odd.class, odd.status.http], [undefined, 500]);
      const known = await rejectsWith(
        "INVALID_PARAMS",
        plugin.call("suite.failAs", { errorClass: "unavailable", code: "INVALID_PARAMS" }),
      );
      assert.deepEqual([known.class, known.status.http], [undefined, 400]);
    },
  },
  {
    name: "a plugin says no code of the node's by itself, and passes on those that the host gave it",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["rpc:call:*"] } });
      for (const code of ["UNAUTHENTICATED", "CANCELLED", "INTERNAL", "NODE_UNREACHABLE", "PLUGIN_UNAVAILABLE"]) {
        const error = await rejectsWith("PLUGIN_TRAP", plugin.call("suite.failAs", { code }));
        assert.equal(error.details?.claimed, code);
      }
      bench.methods.register({
        ...{ name: "away", priority: 500, methods: [{ method: "away.ask" }] },
        canHandle: (method: string) => method === "away.ask",
        handle: () => Promise.reject(new AspenError("NODE_UNREACHABLE", "away")),
      });
      await rejectsWith("NODE_UNREACHABLE", plugin.call("suite.rpc", { method: "away.ask", params: null }));
    },
  },
  {
    name: "whatever else is thrown is PLUGIN_TRAP, and later calls are answered",
    async run(bench) {
      const plugin = await bench.start();
      for (const [how, told] of [
        ["error", /TypeError: broken/],
        ["text", /"a text"/],
        ["null", /a null/],
        ["badCode", /odd/],
      ] as const) {
        assert.match((await rejectsWith("PLUGIN_TRAP", plugin.call("suite.fail", how))).message, told);
        assert.equal(await plugin.call("suite.echo", how), how);
      }
    },
  },
  {
    name: "an error that the plugin did not mean, and what is behind one that it did, is in the log with its request",
    async run(bench) {
      const plugin = await bench.start();
      await rejectsWith("SUITE_REFUSED", plugin.call("suite.fail", "coded", { requestId: "r-0" }));
      assert.equal(bench.logs.length, 0);
      await rejectsWith("PLUGIN_TRAP", plugin.call("suite.fail", "error", { requestId: "r-1" }));
      await rejectsWith("SUITE_REFUSED", plugin.call("suite.fail", "cause", { requestId: "r-2" }));
      await plugin.instance.drain(new AbortController().signal);
      const [unmeant, hidden] = bench.logs;
      assert.deepEqual([unmeant?.level, unmeant?.requestId], ["error", "r-1"]);
      assert.equal(typeof unmeant?.fields?.stack, "string");
      assert.equal(unmeant?.fields?.method, "suite.fail");
      assert.deepEqual([hidden?.level, hidden?.requestId], ["info", "r-2"]);
      assert.match(String(hidden?.fields?.causes), /what is behind it/);
    },
  },
  {
    name: "a result that is no JSON, nests too deep or is too large is PLUGIN_INVALID_RESPONSE",
    async run(bench) {
      const plugin = await bench.start();
      for (const how of ["function", "bigint", "circle", "deep", "large"]) {
        await rejectsWith("PLUGIN_INVALID_RESPONSE", plugin.call("suite.result", how));
        assert.equal(await plugin.call("suite.echo", how), how);
      }
    },
  },
  {
    name: "a method without a handler is METHOD_NOT_FOUND",
    async run(bench) {
      const plugin = await bench.start();
      for (const method of ["suite.absent", "suite.toString", "suite.__proto__"]) {
        await rejectsWith("METHOD_NOT_FOUND", plugin.call(method));
      }
    },
  },
  {
    name: "params in bytes are read as they are, and refused when they are no JSON",
    async run(bench) {
      const plugin = await bench.start();
      const sent = (text: string) => plugin.call("suite.echo", new JsonBytes(encodeUtf8(text)));
      assert.deepEqual(await sent(' {"a": [1.50, "\\u00e9"]} '), { a: [1.5, "é"] });
      assert.deepEqual(await sent(nested(LIMITS.jsonDepth - 1)), JSON.parse(nested(LIMITS.jsonDepth - 1)));
      for (const text of ["", "{", "{}{}", '1,"method":"other"', "1e400", nested(LIMITS.jsonDepth + 1)]) {
        await rejectsWith("INVALID_PARAMS", sent(text));
      }
      const notUtf8 = plugin.call("suite.echo", new JsonBytes(Uint8Array.of(0x22, 0xff, 0x22)));
      await rejectsWith("INVALID_PARAMS", notUtf8);
    },
  },
  {
    name: "a caller that takes bytes gets the result in bytes",
    async run(bench) {
      const plugin = await bench.start();
      const options = { requestId: "r", caller: LOCAL_CALLER, takesJsonBytes: true };
      const result = await plugin.instance.call("suite.echo", { a: [1, null] }, options);
      assert.ok(result instanceof JsonBytes);
      assert.equal(Buffer.from(result.bytes).toString(), '{"a":[1,null]}');
    },
  },
  {
    name: "params that JSON cannot hold are INVALID_PARAMS, those over the limit PAYLOAD_TOO_LARGE",
    async run(bench) {
      const plugin = await bench.start();
      await rejectsWith("INVALID_PARAMS", plugin.call("suite.echo", { n: Number.NaN }));
      await rejectsWith("INVALID_PARAMS", plugin.call("suite.echo", [Number.POSITIVE_INFINITY]));
      const circle: Record<string, unknown> = {};
      circle.circle = circle;
      for (const none of [circle, 1n, { n: [1n] }, () => 1, Symbol("x")]) {
        await rejectsWith("INVALID_PARAMS", plugin.call("suite.echo", none));
      }
      await rejectsWith("PAYLOAD_TOO_LARGE", plugin.call("suite.echo", "x".repeat(LIMITS.messageBytes)));
      assert.equal(await plugin.call("suite.echo", 1), 1);
    },
  },
];
