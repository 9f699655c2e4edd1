import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "@aspen/storage/testing";
import { checkHistory, look, type Scan } from "./check-history.js";
import { type HistoryOrder, WorkerProcess } from "./worker-process.js";

const LEASE = { ttlMs: 250, pollMs: 50 };
const EVENTS = 8;
/** Milliseconds for the consumers to come to the end once the faults are over. */
const PATIENCE_MS = 120_000;

export interface Arena {
  name: string;
  /** Arguments of a worker. */
  args: readonly string[];
  processes: number;
  /** Nodes in each process. */
  nodes: number;
  /** Cuts every connection there is. */
  cut(): void;
  /** Reads the store without a worker; absent where only one process has it open. */
  scan?: Scan;
}

/** What was done to the processes. */
export interface Faults {
  cut: number;
  stopped: number;
  killed: number;
}

/** Has processes work at the same namespace while they are stopped, killed and cut off, again and again, and checks each. */
export async function runHistories(arena: Arena, count: number): Promise<Faults> {
  let acknowledged = new Set<string>();
  const start = () => WorkerProcess.start([...arena.args, String(arena.nodes)], (item) => acknowledged.add(item));
  const workers = await Promise.all(Array.from({ length: arena.processes }, start));
  const faults: Faults = { cut: 0, stopped: 0, killed: 0 };
  try {
    for (let seed = 1; seed <= count; seed++) {
      acknowledged = new Set();
      const namespace = `faults-${arena.name}-${seed}:`;
      const next = seededRandom(seed);
      const order = (at: number): HistoryOrder => ({
        ...{ namespace, seed, first: at * arena.nodes, events: EVENTS },
        lease: LEASE,
      });
      const begin = (at: number): Promise<unknown> => {
        const emitted = workers[at]!.begin(order(at));
        // One that is killed is not waited for.
        emitted.catch(() => undefined);
        return emitted;
      };
      const emitting = workers.map((_, at) => begin(at));
      for (let left = 1 + Math.floor(next() * 3); left > 0; left--) {
        await delay(next() * 120);
        const at = Math.floor(next() * workers.length);
        const kind = next();
        if (kind < 0.3 && arena.scan) {
          arena.cut();
          faults.cut += 1;
        } else if (kind < 0.7) {
          workers[at]!.signal("SIGSTOP");
          await delay(LEASE.ttlMs * (1.2 + next()));
          workers[at]!.signal("SIGCONT");
          faults.stopped += 1;
        } else {
          await workers[at]![Symbol.asyncDispose]();
          workers[at] = await start();
          emitting[at] = begin(at);
          faults.killed += 1;
        }
      }
      const scan: Scan = arena.scan ?? ((prefix) => workers[0]!.scan(prefix));
      try {
        await Promise.all(emitting);
        const least = await consumed(scan, namespace);
        await Promise.all(workers.map((worker) => worker.end()));
        await checkHistory(scan, namespace, { acknowledged, least });
      } catch (cause) {
        throw new Error(`history ${seed} on ${arena.name}`, { cause });
      }
    }
  } finally {
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
  return faults;
}

/** Resolves to the number of events when both consumers have come to the end of the log, and it has stopped growing. */
async function consumed(scan: Scan, namespace: string): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let before = -1; ; ) {
    const { ids, exact, loose } = await look(scan, namespace);
    const last = ids.at(-1);
    if (ids.length === before && exact.at(-1) === last && loose.includes(last!)) return ids.length;
    before = ids.length;
    if (performance.now() > deadline) {
      throw new Error(
        `of ${ids.length} events ${exact.length} were consumed exactly once, ${loose.length} at least once`,
      );
    }
    await delay(60);
  }
}
