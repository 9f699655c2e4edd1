import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8, isAspenError } from "@aspen/plugin-api";
import { appendValue, type KeyValueStore, type Op } from "../../src/index.js";
import { seededRandom } from "../../src/testing/index.js";
import type { Input, Operation } from "./checker.js";

const KEYS = ["a", "b"];
/** What appends begin with, after the namespace. */
const LOG = "log:";

/** Has clients run random operations on few keys of one namespace at once, and writes down what they saw. */
export async function record(
  clients: readonly KeyValueStore[],
  namespace: string,
  options: { seed: number; operations: number },
): Promise<Operation[]> {
  const history: Operation[] = [];
  await Promise.all(
    clients.map(async (kv, client) => {
      const next = seededRandom(options.seed * 31 + client);
      for (let i = 0; i < options.operations; i++) {
        const input = randomInput(next, `${client}.${i}`);
        const start = performance.now();
        const operation: Operation = { start, end: Number.POSITIVE_INFINITY, input };
        try {
          operation.output = await perform(kv, namespace, input);
          operation.end = performance.now();
          history.push(operation);
        } catch (error) {
          if (!isAspenError(error)) throw error;
          if (error.code === "OUTCOME_UNKNOWN") history.push(operation);
          // Nothing was sent: it is as if it had not been tried.
          else if (error.code !== "STORE_UNAVAILABLE") throw error;
        }
        await delay(next() * 2);
      }
    }),
  );
  return history.sort((a, b) => a.start - b.start);
}

function randomInput(next: () => number, value: string): Input {
  const key = KEYS[Math.floor(next() * KEYS.length)]!;
  // Values that may well be there, so that comparisons succeed now and then.
  const guess = next() < 0.5 ? null : `${Math.floor(next() * 3)}.${Math.floor(next() * 4)}`;
  const kind = next();
  if (kind < 0.2) return { type: "get", key };
  if (kind < 0.35) return { type: "put", key, value };
  if (kind < 0.45) return { type: "delete", key };
  if (kind < 0.6) return { type: "cas", key, expected: guess, next: next() < 0.2 ? null : value };
  if (kind < 0.75) return { type: "append", value };
  if (kind < 0.85) return { type: "log" };
  const puts = Object.fromEntries(KEYS.map((name) => [name, value]));
  return { type: "transact", check: key, expected: guess, puts, append: next() < 0.5 ? value : null };
}

async function perform(kv: KeyValueStore, namespace: string, input: Input): Promise<unknown> {
  const bytes = (text: string | null) => (text === null ? null : encodeUtf8(text));
  const text = (value: Uint8Array | undefined) => (value ? decodeUtf8(value) : null);
  switch (input.type) {
    case "get":
      return text((await kv.get(namespace + input.key))?.value);
    case "put":
      await kv.put(namespace + input.key, encodeUtf8(input.value));
      return true;
    case "delete":
      return kv.delete(namespace + input.key);
    case "cas": {
      const result = await kv.compareAndSwap(namespace + input.key, bytes(input.expected), bytes(input.next));
      return result.ok ? { ok: true } : { ok: false, actual: text(result.actual?.value) };
    }
    case "transact": {
      const ops = Object.entries(input.puts).map(
        ([key, value]): Op => ({ type: "put", key: namespace + key, value: encodeUtf8(value) }),
      );
      if (input.append !== null) {
        ops.push({ type: "append", prefix: namespace + LOG, value: encodeUtf8(input.append) });
      }
      const checks = [{ key: namespace + input.check, value: bytes(input.expected) }];
      return (await kv.transact({ checks, ops })).ok;
    }
    case "append":
      await appendValue(kv, namespace + LOG, encodeUtf8(input.value));
      return true;
    case "log": {
      // In one page, which is of one moment.
      const { entries } = await kv.scan({ prefix: namespace + LOG });
      return entries.map(({ value }) => `${decodeUtf8(value)},`).join("");
    }
  }
}
