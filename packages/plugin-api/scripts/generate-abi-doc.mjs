// Writes docs/host-abi.md from the ABI table; --check only compares.
import { fileURLToPath } from "node:url";
import { builtPackage, writeOrCheck } from "./generated-file.mjs";

const api = await builtPackage();
const { CURRENT_API_VERSION, HOST_FUNCTIONS, LIMITS, OPTIONAL_EXPORTS, permissionLabel, REQUIRED_EXPORTS } = api;

/** What calls an export, what it reads as input and what its output means. */
const EXPORTS = {
  plugin_info: [
    "once for each instance",
    "nothing",
    "`{name, version, api_version, handles}`; must agree with plugin.json",
  ],
  handle_request: ["for each request", "`{method, params, requestId, caller}`", "the result"],
  plugin_init: ["once for each instance, before its first request", "nothing", "ignored"],
  plugin_shutdown: ["before an instance ends in order", "nothing", "ignored"],
  plugin_health: ["regularly", "nothing", '`{state: "healthy"}` or `{state: "degraded", message}`'],
  plugin_on_timer: [
    "for each tick of a timer",
    "the tick: `{requestId, name, origin, id, scheduledAt, payload, attempt}`",
    "ignored",
  ],
  plugin_on_hook_event: [
    "for each event that its subscriptions ask for",
    "the event: `{requestId, id, namespace, topic, source, time, subject?, contentType?, data?, data_base64?, chain, attributes, attempt}`",
    "ignored",
  ],
};
const cell = (text) => text.replaceAll("|", "\\|");
const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");

const text = `# The host ABI, version ${CURRENT_API_VERSION}

<!-- Generated from packages/plugin-api/src/abi by \`npm run generate -w @aspen/plugin-api\`. -->

What a plugin's wasm file exports and what it may import. \`@aspen/guest-sdk\` implements it for TypeScript; a plugin in
any language with an Extism kit can do so as well.

## Exports

Each takes no parameter and returns an i32: 0 for success with the output set, anything else for failure with the error
set. An error that is set counts, whatever is returned. An export that returns anything but 0, or nothing, and sets no
error has trapped: its output is ignored and its instance discarded. A plugin does not start when \`plugin_info\` or
\`plugin_init\` fails, is degraded when \`plugin_health\` does, and stops all the same when \`plugin_shutdown\` does, with a
line in its log. Input, output and error are JSON texts in UTF-8. An error is \`{code?, class?, message, details?}\`; a text that is
no JSON is its message.

${table(
  ["Export", "Required", "Called", "Input", "Output"],
  [...REQUIRED_EXPORTS, ...OPTIONAL_EXPORTS].map((name) => [
    `\`${name}\``,
    REQUIRED_EXPORTS.includes(name) ? "yes" : "no",
    ...EXPORTS[name],
  ]),
)}

The module also exports its \`memory\`.

## Host functions

They are imported from \`extism:host/user\`. Every parameter is an i64 handle of an Extism memory block, the result the i64
handle of another; 0 stands for an absent parameter. A result's block begins with one byte: 1 ok, 2 not found, 3 error;
the rest is the result in its encoding, or the error as JSON. A result of 0 means that the host has no room for it. The
parameters of one call together, and its result, are at most ${LIMITS.messageBytes} bytes; options and other
JSON parameters at most 16 KiB, a list of keys 2 MiB, a transaction's header 3 MiB, a log record ${LIMITS.logRecordBytes} bytes.
A page of a scan ends early when its values are many bytes. A host function never traps.

A write to the event log of a namespace, which is every key that begins with \`__events\` behind the namespace, is answered
\`KV_NAMESPACE_DENIED\`; it can be read.

${table(
  ["Function", "Parameters", "Result", "Permission", "Effect", "At build", "What it does"],
  HOST_FUNCTIONS.map(({ name, parameters, result, permission, effect, atBuild, summary }) => [
    `\`${name}\``,
    parameters.map((it) => `${it.name}: ${it.kind}`).join(", ") || "none",
    result,
    permission === null ? "none" : `\`${permissionLabel(permission)}\``,
    effect,
    atBuild,
    summary,
  ]),
)}

*Permission*: a call without it is answered \`PERMISSION_DENIED\`. Where it has a \`<part>\`, each call's own parameters fill
that part in, and a pattern such as \`forge.*\` that was granted covers it. *Effect*: what the call does to what the node
keeps. *At build*: what the call does at the top level of a plugin in TypeScript, which runs when the plugin is built and
no host is there. \`accepted\`: nothing, and it succeeds. \`throws\`: it throws. \`fails\`: it throws, and the build fails even
when nobody looks at the error.

| Encoding | Bytes |
| --- | --- |
| string | UTF-8 |
| json | a JSON text in UTF-8 |
| json? | a JSON text in UTF-8; handle 0 for absent, which is what a guest passes that gives fewer parameters |
| bytes | as they are |
| bytes? | as they are; handle 0 for absent |
| unit | none |
| bool | one, 0 or 1 |
| u64 | 8, little-endian, at most 2^53-1 |
| entry | version (8, little-endian), then the value |
| envelope | length of a JSON text (4, little-endian), the text, then the attached bytes one after the other |

## Imports of the engine

Beside the table, \`extism:host/user\` has:

| Import | What it does |
| --- | --- |
| \`mem_read(handle i64, destination i32, length i32)\` | copies a block's first bytes into the guest's memory |
| \`mem_store(source i32, length i32) -> i64\` | makes a block of bytes of the guest's memory |
| \`input_read(destination i32, length i32)\` | copies the input into the guest's memory |
| \`now_ns() -> i64\` | wall clock, nanoseconds since the Unix epoch |
| \`random_seed() -> i64\` | 64 random bits |
| \`interrupted() -> i32\` | 1 when the call must stop; a guest that polls it keeps its worker |

From \`extism:host/env\` come Extism's memory, input, output, error and log functions. Variables, configuration, HTTP and
WASI are not there; a module that imports anything else is refused with \`WASM_INVALID\`.

## Features of WebAssembly

A module may use WebAssembly 1.0 and changeable imported and exported globals, sign extension, conversions that do not
trap, bulk memory, several results, and reference types. Anything else is refused with \`WASM_INVALID\`, which names it:
SIMD, tail calls, exceptions, GC, typed function references, threads, 64-bit and multiple memories, extended constant
expressions, stack switching. Large functions have bounds too: see
[@aspen/wasm-plugin](../packages/wasm-plugin/README.md).
`;
for (const name of api.ENGINE_IMPORTS) if (!text.includes(`${name}(`)) throw new Error(`${name} is not described`);
writeOrCheck(
  fileURLToPath(new URL("../../../docs/host-abi.md", import.meta.url)),
  text,
  "npm run generate -w @aspen/plugin-api",
);
