// A process of the fault tests: nodes that emit, consume and hold leases at once, until they are told to end.
// Arguments: driver, where its store is, number of nodes.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DurableCursors, eventOp, Leases } from "@aspen/layers";
import { appendValue } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { seededRandom } from "@aspen/storage/testing";

const [driver, location, nodes] = process.argv.slice(2);
/** Opens it over connections that may be cut meanwhile. */
async function openRedis(url) {
  for (;;) {
    try {
      // A connection of which one direction is cut is given up after this time.
      return await RedisStore.open({ url, commandTimeoutMs: 500 });
    } catch (error) {
      if (error?.code !== "STORE_UNAVAILABLE") throw error;
    }
  }
}
const store = driver === "embedded" ? await EmbeddedStore.open({ directory: location }) : await openRedis(location);
const { kv } = store;
const bytes = (text) => new TextEncoder().encode(text);
const text = (value) => new TextDecoder().decode(value);

const PASSING = new Set(["STORE_UNAVAILABLE", "OUTCOME_UNKNOWN", "LEASE_LOST", "CANCELLED"]);
/** What the faults do; everything else is a failure of the test. */
function tolerate(error) {
  if (!PASSING.has(error?.code)) throw error;
}

/** Runs a role again and again until the end, whatever the faults do to it. */
async function again(signal, role) {
  while (!signal.aborted) {
    await role().catch(tolerate);
    await delay(1);
  }
}

async function emit({ namespace, owner, next, events }, signal) {
  for (let n = 0; n < events && !signal.aborted; n++) {
    const item = `${owner}.${n}`;
    const put = { type: "put", key: `${namespace}item:${item}`, value: bytes("") };
    await kv
      .transact({ checks: [], ops: [put, eventOp(namespace, { topic: "test.item", data: item })] })
      .then(() => process.send({ type: "acknowledged", item }))
      .catch(tolerate);
    await delay(next() * 8);
  }
}

async function hold({ namespace, owner, next, lease }, signal) {
  const held = await new Leases(kv, lease).acquire(`${namespace}one`, signal);
  try {
    const op = {
      type: "append",
      prefix: `${namespace}fenced:`,
      value: bytes(JSON.stringify({ token: held.fencingToken, owner })),
    };
    while (!signal.aborted && next() < 0.9) {
      // Also when it knows that the lease is lost: the store alone decides.
      await held.fencedTransact({ checks: [], ops: [op] });
      await delay(next() * 10);
    }
  } finally {
    await held.release().catch(tolerate);
  }
}

async function consume({ namespace, next, lease }, consumer, signal) {
  const cursor = await new DurableCursors(kv, lease).acquire({ home: namespace, consumer }, signal);
  try {
    for await (const event of cursor.follow({ signal })) {
      const value = bytes(event.id);
      if (consumer === "exact") {
        await cursor.commit(event, { ops: [{ type: "append", prefix: `${namespace}exact:`, value }] });
      } else {
        // Of another namespace: it cannot be in the same transaction.
        await appendValue(kv, `${namespace.slice(0, -1)}-out:loose:`, value);
        await cursor.commit(event);
      }
      // Others have it now and then without a fault, too.
      if (next() < 0.05) break;
    }
  } finally {
    await cursor[Symbol.asyncDispose]().catch(tolerate);
  }
}

/** Resolves when the node has ended; `onEmitted` is called when it emits no more. */
async function node(history, at, signal, onEmitted) {
  const owner = randomUUID();
  const own = { ...history, owner, next: seededRandom(history.seed * 31 + at), lease: { ...history.lease, owner } };
  await Promise.all([
    emit(own, signal).then(onEmitted),
    again(signal, () => hold(own, signal)),
    again(signal, () => consume(own, "exact", signal)),
    again(signal, () => consume(own, "loose", signal)),
  ]);
}

let running;
process.on("message", async (message) => {
  if (message.type === "begin") {
    const ended = new AbortController();
    const numbers = Array.from({ length: Number(nodes) }, (_, at) => message.history.first + at);
    let emitting = numbers.length;
    const onEmitted = () => {
      emitting -= 1;
      if (emitting === 0) process.send({ type: "emitted" });
    };
    running = { ended, work: Promise.all(numbers.map((at) => node(message.history, at, ended.signal, onEmitted))) };
  } else if (message.type === "end") {
    running?.ended.abort();
    await running?.work;
    running = undefined;
    process.send({ type: "ended" });
  } else if (message.type === "scan") {
    const { entries } = await kv.scan({ prefix: message.prefix, limit: 10_000 });
    process.send({ type: "scanned", entries: entries.map(({ key, value }) => [key, text(value)]) });
  }
});
process.on("disconnect", () => process.exit());
process.send({ type: "ready" });
