import {
  type RunTimersOptions,
  type Schedule,
  type TimerDefinition,
  type TimerRun,
  type TimerStatus,
  Timers,
  type TimerTick,
} from "@aspen/layers";
import type { Clock, ManifestTimer } from "@aspen/plugin-api";
import { LIMITS } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { hostErrors } from "../errors.js";

/** A timer as a plugin asks for it; exactly one of the first three is there. */
export interface TimerRequest {
  everyMs?: number | undefined;
  cron?: string | undefined;
  /** Once, milliseconds since the Unix epoch. */
  at?: number | undefined;
  timeZone?: string | undefined;
  payload: unknown;
  catchUp?: number | undefined;
  jitterMs?: number | undefined;
}

/** A timer as a plugin sees it. */
export interface PluginTimer {
  name: string;
  /** Whether plugin.json has it, or the plugin set it. */
  origin: "manifest" | "set";
  everyMs?: number;
  cron?: string;
  timeZone?: string;
  at?: number;
  payload: unknown;
  catchUp: number;
  jitterMs: number;
  /** Scheduled time of the last tick; null before. */
  lastAt: number | null;
  nextAt: number | null;
}

/** One tick as the guest gets it. */
export interface PluginTick {
  name: string;
  origin: PluginTimer["origin"];
  id: string;
  scheduledAt: number;
  payload: unknown;
  attempt: number;
}

const SET = "set/";
const MANIFEST = "manifest/";
/** Interval of a timer that ticks once: the longest, so that there is no second tick. */
const ONCE_MS = 3_155_760_000_000;
/** More than a plugin can have. */
const PAGE = 1000;

/** The timers of one plugin, which the whole cluster shares. */
export class PluginTimers {
  readonly #timers: Timers;
  readonly #plugin: string;
  readonly #clock: Clock;
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ kv, plugin, clock }: { kv: KeyValueStore; plugin: string; clock: Clock }) {
    this.#timers = new Timers(kv, { prefix: timersPrefix(plugin), clock });
    this.#plugin = plugin;
    this.#clock = clock;
  }

  /**
   * Adds a timer or changes it.
   *
   * @throws AspenError `TOO_MANY_TIMERS`, `SCHEDULE_INVALID`; `INVALID_PARAMS` also when plugin.json has a timer of the name
   */
  async set(name: string, request: TimerRequest): Promise<void> {
    const { at, payload, catchUp, jitterMs } = request;
    // One that is due at once would let a plugin that sets it anew each time spin.
    const once = at === undefined ? undefined : Math.max(at, this.#clock.now() + LIMITS.timerLeastMs);
    const definition: TimerDefinition = {
      schedule: scheduleOf({ ...request, at: once }),
      payload,
      ...(once === undefined ? {} : { startAt: once, endAt: once }),
      ...(catchUp === undefined ? {} : { catchUp }),
      ...(jitterMs === undefined ? {} : { jitterMs }),
    };
    await this.#inTurn(async () => {
      if (await this.#timers.get(MANIFEST + name)) {
        throw hostErrors.invalidArgument("name", `is that of a timer in the plugin.json of ${this.#plugin}`);
      }
      const before = await this.#outstanding();
      const known = before.some((timer) => timer === SET + name);
      if (!known && before.length >= LIMITS.timers) throw hostErrors.tooManyTimers(this.#plugin);
      await this.#timers.set(SET + name, definition);
      // Another node may have set one at the same time: then neither stays.
      if (!known && (await this.#outstanding()).length > LIMITS.timers) {
        await this.#timers.remove(SET + name);
        throw hostErrors.tooManyTimers(this.#plugin);
      }
    });
  }

  /** False when the plugin has set no such timer. */
  cancel(name: string): Promise<boolean> {
    return this.#timers.remove(SET + name);
  }

  /** Those that are not over, by their origin and name. */
  async list(): Promise<PluginTimer[]> {
    const { timers } = await this.#timers.list({ limit: PAGE });
    return timers.filter(({ nextAt }) => nextAt !== null).map(shown);
  }

  /** Makes the timers of the manifest these. */
  async adopt(timers: readonly ManifestTimer[]): Promise<void> {
    const { timers: stored, broken } = await this.#timers.list({ limit: PAGE });
    const names = new Set(timers.map(({ name }) => name));
    for (const { name } of [...stored, ...broken]) {
      if (name.startsWith(MANIFEST) && !names.has(name.slice(MANIFEST.length))) await this.#timers.remove(name);
    }
    for (const { name, every_ms: everyMs, cron, time_zone: timeZone, payload, catch_up, jitter_ms } of timers) {
      await this.#timers.remove(SET + name);
      await this.#timers.set(MANIFEST + name, {
        schedule: scheduleOf({ everyMs, cron, timeZone }),
        payload: payload ?? null,
        ...(catch_up === undefined ? {} : { catchUp: catch_up }),
        ...(jitter_ms === undefined ? {} : { jitterMs: jitter_ms }),
      });
    }
  }

  /** Runs them on this node, which may have the turn or wait for it; as `Timers.run` of `@aspen/layers`. */
  run(handler: (tick: PluginTick) => Promise<void>, options: RunTimersOptions): TimerRun {
    return this.#timers.run((tick) => handler(tickOf(tick)), options);
  }

  /** The names, as they are stored, of what the plugin has set and is not over. What is over is dropped. */
  async #outstanding(): Promise<string[]> {
    const { timers, broken } = await this.#timers.list({ limit: PAGE });
    const set = timers.filter(({ name }) => name.startsWith(SET));
    for (const { name, nextAt } of set) if (nextAt === null) await this.#timers.remove(name, { ifOver: true });
    return [...set.filter(({ nextAt }) => nextAt !== null), ...broken].map(({ name }) => name);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

/** Where the timers of a plugin are kept. */
export function timersPrefix(plugin: string): string {
  return `__timers:${plugin}/`;
}

function scheduleOf({ everyMs, cron, timeZone, at }: Omit<TimerRequest, "payload">): Schedule {
  if (cron !== undefined) return timeZone === undefined ? { cron } : { cron, timeZone };
  return at === undefined ? { everyMs: everyMs! } : { everyMs: ONCE_MS, anchor: at };
}

function named(stored: string): Pick<PluginTimer, "name" | "origin"> {
  return stored.startsWith(SET)
    ? { name: stored.slice(SET.length), origin: "set" }
    : { name: stored.slice(MANIFEST.length), origin: "manifest" };
}

function shown({ name, schedule, startAt, payload, catchUp, jitterMs, lastAt, nextAt }: TimerStatus): PluginTimer {
  const times = startAt !== null ? { at: startAt } : "cron" in schedule ? schedule : { everyMs: schedule.everyMs };
  return { ...named(name), ...times, payload, catchUp, jitterMs, lastAt, nextAt };
}

function tickOf({ name, id, scheduledAt, payload, attempt }: TimerTick): PluginTick {
  return { ...named(name), id, scheduledAt, payload, attempt };
}
