/** Entry of a worker thread: boots, becomes the home of one plugin instance, answers its calls in order. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { DenialLimit, LocalHostContext } from "@aspen/plugin-host/local";
import { ExtismEngine } from "../engine/extism-engine.js";
import { WorkerSlot } from "../protocol/channel.js";
import type { GuestInput } from "../protocol/guest-input.js";
import {
  type CallResult,
  claimCall,
  type FromWorker,
  type LoadMessage,
  pushCall,
  pushResult,
  type ToWorker,
  type WorkerData,
} from "../protocol/messages.js";
import { Ring } from "../protocol/ring.js";
import { Guest, GuestStartError } from "./guest.js";
import { HostCalls } from "./host-calls.js";
import { LocalCounts } from "./local-counts.js";
import { openReader } from "./open-reader.js";
import { rehearsal } from "./rehearsal.js";
import { ownThreadId } from "./thread-id.js";

/** Milliseconds that a finished result may wait before the main thread is told, so that others go with it. */
const FLUSH_AFTER_MS = 0.5;

/**
 * Milliseconds that an idle worker looks for its next call before it sleeps. Waking a thread takes about as long, and a
 * caller that calls again after each answer never waits for it.
 */
const SPIN_MS = 0.1;

/** Calls of the rehearsal: enough for the engine to compile what they run. */
const REHEARSALS = 3;

/** Milliseconds of work without a turn of the event loop. */
const YIELD_MS = 20;

if (!parentPort) throw new Error("this file runs only as a worker thread");
const port = parentPort;
const send = (message: FromWorker) => port.postMessage(message);

const engine = new ExtismEngine();
const { reader: readerSource } = workerData as WorkerData;
const reader = readerSource && (await openReader(readerSource));

/** A loaded plugin. */
interface Loaded {
  guest: Guest;
  calls: Ring;
  results: Ring;
}

let loaded: Loaded | null = null;
let flushedAt = 0;
let unflushed = false;
/** Inputs that came by message, by their call's number. */
const large = new Map<number, GuestInput>();

/** Tells the main thread that there are results, unless it has been told and has not looked yet. */
function flush(): void {
  if (unflushed && loaded?.results.raise()) send({ type: "results" });
  unflushed = false;
  flushedAt = performance.now();
}

/** Tells the main thread of denials, at most 100 a second. */
const denials = new DenialLimit(({ hostFunction, code, target, count }) =>
  send({ type: "denied", hostFunction, code, count, ...(target === undefined ? {} : { target }) }),
);

const counts = new LocalCounts((counted) => send({ type: "host-calls", counts: counted }));

/** A home for the plugin of `message`, not yet started. */
function home(message: LoadMessage): Loaded {
  const host = new HostCalls({
    reader,
    flush,
    onLocal: (name) => counts.add(name),
    slot: new WorkerSlot(message.slot),
    timeoutMs: message.timeoutMs,
    local: new LocalHostContext({
      grant: message.grant,
      config: message.config,
      reader,
      clock: message.systemClock ? { now: Date.now } : null,
      onDenied: (event) => denials.add(event),
    }),
    sendLog: (record, requestId) => send({ type: "log", record, ...(requestId === undefined ? {} : { requestId }) }),
  });
  const guest = new Guest(engine, message, host);
  return { guest, calls: new Ring(message.calls), results: new Ring(message.results) };
}

async function load(message: LoadMessage): Promise<void> {
  const candidate = home(message);
  try {
    const info = await candidate.guest.start();
    loaded = candidate;
    loaded.calls.raise();
    send({ type: "loaded", info });
  } catch (error) {
    if (!(error instanceof GuestStartError)) throw error;
    send({ type: "load-failed", phase: error.phase, outcome: error.outcome });
  }
}

/** Answers calls until there are none and none comes soon; then sleeps with the flag of their ring up. */
async function work({ guest, calls, results }: Loaded): Promise<void> {
  let yieldAt = performance.now() + YIELD_MS;
  for (;;) {
    const call = claimCall(calls);
    if (!call) {
      flush();
      denials.flush();
      await guest.prepare();
      if (comesSoon(calls)) continue;
      // The flag goes up before the look: a call that came earlier found it down and woke nobody.
      calls.raise();
      if (calls.isEmpty) return;
      calls.lower();
      continue;
    }
    const begun = performance.now();
    const input = call.input ?? largeInput(call.sequence);
    const end = await guest.call(call.sequence, call.name, input, call.paramsAt);
    calls.release();
    const now = performance.now();
    const result = { sequence: call.sequence, elapsedMs: now - begun, ...end };
    if (!pushResult(results, result)) sendLarge(result);
    unflushed = true;
    if (now - flushedAt > FLUSH_AFTER_MS) flush();
    if (now > yieldAt) {
      flush();
      // Timers, messages and the engine's own tasks must have their turn under any load.
      await new Promise(setImmediate);
      yieldAt = performance.now() + YIELD_MS;
    }
  }
}

/** A result by message; its bytes are handed over and not copied when nothing else lies beside them. */
function sendLarge(result: CallResult): void {
  const { buffer, byteLength } = result.text;
  const alone = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  port.postMessage({ type: "result", result } satisfies FromWorker, alone ? [buffer] : []);
}

/** True when a call comes within {@link SPIN_MS}. */
function comesSoon(calls: Ring): boolean {
  const end = performance.now() + SPIN_MS;
  while (calls.isEmpty) if (performance.now() > end) return false;
  return true;
}

/**
 * The input of a large call, which was posted before its record was written. Messages before it are no longer of use.
 */
function largeInput(sequence: number): Uint8Array {
  for (;;) {
    const input = large.get(sequence);
    if (input !== undefined) {
      large.delete(sequence);
      return typeof input === "string" ? encodeUtf8(input) : input.bytes;
    }
    const received = receiveMessageOnPort(port) as { message: ToWorker } | undefined;
    if (!received) throw new Error("the input of a large call did not come");
    keepLarge(received.message);
  }
}

function keepLarge(message: ToWorker): void {
  if (message.type === "call") large.set(message.call.sequence, message.call.input);
  else if (message.type === "forget") large.delete(message.sequence);
}

let working = false;
port.on("message", (message: ToWorker) => {
  keepLarge(message);
  if (working) return;
  working = true;
  const task = message.type === "load" ? load(message) : loaded ? work(loaded) : Promise.resolve();
  task
    .finally(() => {
      working = false;
    })
    // A defect of this file must end the worker, so that its calls are answered and it is replaced.
    .catch((error) => {
      setImmediate(() => {
        throw error;
      });
    });
});

/** Runs a guest that is not a plugin. */
async function rehearse(): Promise<void> {
  const stage = home(rehearsal());
  await stage.guest.start();
  for (let sequence = 1; sequence <= REHEARSALS; sequence++) {
    pushCall(stage.calls, { sequence, name: "handle_request", input: "{}" });
    await work(stage);
  }
}

await rehearse();
send({ type: "booted", thread: ownThreadId() });
