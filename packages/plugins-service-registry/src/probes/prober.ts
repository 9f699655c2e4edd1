import { type Lease, Leases } from "@aspen/layers";
import { every, isAspenError, type Logger, type Loop, thrownError } from "@aspen/plugin-api";
import type { RpcClient } from "@aspen/rpc-core";
import type { KeyValueStore } from "@aspen/storage";
import type { Sessions } from "../consul/sessions.js";
import type { CheckDefinition, Instance, Sign } from "../records/instance.js";
import { PROBED } from "../records/keys.js";
import type { ServiceView } from "../view/service-view.js";
import { probe } from "./probe.js";

const LEASE = "__service:prober";
const INTERVAL_MS = 10_000;

export interface ProberParts {
  kv: KeyValueStore;
  view: ServiceView;
  sessions: Sessions;
  /** Speaks for the node. */
  client: RpcClient;
  logger: Logger;
  owner: string;
}

export interface ProberOptions {
  /** Milliseconds between two looks for work while there is none. @default 2000 */
  idleMs?: number;
  /** Milliseconds after which another node takes over from one that died. @default 5000 */
  leaseMs?: number;
  /** Tries at the same time. @default 64 */
  concurrency?: number;
}

/** When a check is tried again. */
interface Turn {
  dueAt: number;
  running: boolean;
  criticalSince: number | null;
}

const LOOK_MS = 200;

/**
 * Tries the checks that a node has to try, deregisters what has been critical for too long, and lets go what expired
 * sessions held. One node of the cluster does it, under a lease; while there is nothing of the kind, none does.
 */
export class Prober implements AsyncDisposable {
  readonly #parts: ProberParts;
  readonly #options: Required<ProberOptions>;
  readonly #leases: Leases;
  readonly #turns = new Map<string, Turn>();
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #lease: Lease | null = null;
  #idleUntil = 0;
  #sweptAt = 0;
  #loop: Loop | undefined;

  constructor(parts: ProberParts, { idleMs = 2000, leaseMs = 5000, concurrency = 64 }: ProberOptions = {}) {
    this.#parts = parts;
    this.#options = { idleMs, leaseMs, concurrency };
    this.#leases = new Leases(parts.kv, { owner: parts.owner, ttlMs: leaseMs });
  }

  start(): void {
    this.#loop = every(LOOK_MS, () => this.#look(), {
      signal: this.#ended.signal,
      onError: (error) => this.#failed(error),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#loop?.[Symbol.asyncDispose]();
    await Promise.all(this.#running);
    await this.#lease?.[Symbol.asyncDispose]();
  }

  async #look(): Promise<void> {
    const { kv, sessions, view } = this.#parts;
    const now = performance.now();
    if (this.#lease && !this.#lease.held) await this.#giveUp();
    if (!this.#lease) {
      if (now < this.#idleUntil) return;
      this.#idleUntil = now + this.#options.idleMs;
      if (!(await this.#hasWork())) return;
      this.#lease = await this.#leases.tryAcquire(LEASE);
      if (!this.#lease) return;
    }
    await view.ready(this.#ended.signal);
    if (now - this.#sweptAt >= this.#options.idleMs) {
      this.#sweptAt = now;
      const holds = await sessions.sweep();
      const { entries } = await kv.scan({ prefix: PROBED, keysOnly: true, limit: 1 });
      if (!holds && entries.length === 0) return await this.#giveUp();
    }
    this.#tryAll(performance.now());
  }

  async #hasWork(): Promise<boolean> {
    const { kv, sessions } = this.#parts;
    const { entries } = await kv.scan({ prefix: PROBED, keysOnly: true, limit: 1 });
    return entries.length > 0 || (await sessions.sweep());
  }

  async #giveUp(): Promise<void> {
    const lease = this.#lease;
    this.#lease = null;
    this.#turns.clear();
    await lease?.[Symbol.asyncDispose]();
  }

  #tryAll(now: number): void {
    const seen = new Set<string>();
    for (const service of this.#parts.view.services()) {
      for (const instance of service.list()) {
        for (const check of instance.checks) {
          if (check.kind !== "http" && check.kind !== "tcp" && check.deregisterAfterMs === undefined) continue;
          const key = JSON.stringify([instance.service, instance.id, instance.fencingToken, check.id, check.target]);
          seen.add(key);
          this.#tryOne(key, instance, check, now);
        }
      }
    }
    for (const key of this.#turns.keys()) if (!seen.has(key)) this.#turns.delete(key);
  }

  #tryOne(key: string, instance: Instance, check: CheckDefinition & Sign, now: number): void {
    let turn = this.#turns.get(key);
    if (!turn) {
      turn = { dueAt: now, running: false, criticalSince: null };
      this.#turns.set(key, turn);
    }
    turn.criticalSince = check.health === "critical" ? (turn.criticalSince ?? now) : null;
    const { deregisterAfterMs = Number.POSITIVE_INFINITY } = check;
    if (turn.criticalSince !== null && now - turn.criticalSince >= deregisterAfterMs && !turn.running) {
      this.#run(turn, () => this.#deregister(instance));
      return;
    }
    if (check.kind !== "http" && check.kind !== "tcp") return;
    if (turn.running || now < turn.dueAt || this.#running.size >= this.#options.concurrency) return;
    turn.dueAt = now + (check.intervalMs ?? INTERVAL_MS);
    this.#run(turn, async () => {
      const { signal } = this.#ended;
      const found = await probe(check, AbortSignal.any([signal, this.#lease!.signal]));
      if (signal.aborted || !this.#lease?.held) return;
      if (found.health === check.health && found.output === check.output) return;
      const { service, id, fencingToken } = instance;
      const said = { service, id, fencingToken, check: { id: check.id, ...found } };
      await this.#parts.client.call("service.update", said, { signal });
    });
  }

  async #deregister({ service, id, fencingToken }: Instance): Promise<void> {
    this.#parts.logger.info({ service, id }, "an instance is deregistered, as it was critical for too long");
    await this.#parts.client.call("service.deregister", { service, id, fencingToken });
  }

  #run(turn: Turn, work: () => Promise<void>): void {
    turn.running = true;
    const running = work()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        turn.running = false;
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  /** An instance that was deregistered or registered anew meanwhile is no failure. */
  #failed(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    if (isAspenError(error) && ["SERVICE_NOT_FOUND", "SERVICE_FENCED", "CANCELLED"].includes(error.code)) return;
    this.#parts.logger.warn({ err: thrownError(error) }, "a check of a service was not tried, or not told of");
  }
}
