import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { every, type Logger, type Loop } from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import { codeHash } from "../plugin-store/code-hash.js";
import type { PluginRecord, StartDeath } from "../plugin-store/plugin-record.js";
import type { PluginStore } from "../plugin-store/plugin-store.js";
import { clearSuspicion, settleDeath } from "../plugin-store/start-deaths.js";
import type { StartNote, StoredNote } from "../plugin-store/start-notes.js";
import type { PluginInstance } from "../runtime.js";
import { orAborted } from "./or-aborted.js";

export interface NotedStartsOptions {
  /** Milliseconds without a beat after which a node that starts something counts as dead. */
  leaseMs: number;
  /** No other node can use the store: every note found at the start is of a node that died. */
  soleNode: boolean;
}

/** How a start ended. */
interface Ended {
  /** It went all its way, whether it succeeded or failed, and the node lives. */
  survived: boolean;
  /** The code was under suspicion. */
  suspect: boolean;
}

/** Most milliseconds between looks at another node's start. */
const LOOK_MS = 100;

/**
 * Starts plugins under a note in the store, so that other nodes, and the next start of this one, know of what it died.
 * One node at a time starts a code. Whether another one lives is judged by its beats, on this process's own clock.
 */
export class NotedStarts implements AsyncDisposable {
  readonly #node = randomUUID();
  /** Notes that lie in the store, and how their starts ended: then only the store kept them there. */
  readonly #notes = new Map<StartNote, Ended | null>();
  /** Shows the others that this node lives, from its first note on. */
  #beats: Loop | null = null;

  constructor(
    private readonly store: PluginStore,
    private readonly logger: Logger,
    private readonly options: NotedStartsOptions,
  ) {}

  /** Draws the conclusions from what was left by a node that had this store before, alone. */
  async settleLeft(): Promise<void> {
    if (!this.options.soleNode) return;
    const left = await this.store.startNotes.all();
    for (const node of new Set(left.map(({ note }) => note.node))) await this.#settle(node);
  }

  /**
   * Runs `start` under a note. When the signal aborts, this rejects with its reason at once, and the note lies until
   * the start has really ended; what it made is freed then.
   *
   * @throws AspenError what `start` throws, or `PLUGIN_UNAVAILABLE` when another node died while it started this code
   */
  async run(record: PluginRecord, signal: AbortSignal, start: () => Promise<PluginInstance>): Promise<PluginInstance> {
    const { name } = record.manifest;
    // The operator's own code: nothing keeps a node from it.
    if (this.store.configured.has(name)) return this.#guarded(name, signal, start());
    const { note, suspect } = await this.#note(record, signal);
    return this.#guarded(name, signal, this.#work(note, suspect, signal, start));
  }

  /** Waits until no node starts this code; one that died in it is judged. */
  async settled(record: PluginRecord, signal: AbortSignal): Promise<void> {
    const of = { plugin: record.manifest.name, codeHash: codeHash(record) };
    const watch = { last: "", quietMs: 0, lookedAt: 0 };
    for (let other = await this.#other(of); other; other = await this.#other(of)) {
      // Written although the store could not say so: it stands for no start.
      if (this.#isForgotten(other.note)) await this.store.startNotes.remove(other.note);
      else if (await this.#isQuiet(other, watch)) await this.#settle(other.note.node);
      else await pause(this.#lookMs, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#beats?.[Symbol.dispose]();
    const left = [...this.#notes.keys()];
    this.#notes.clear();
    // What goes on is given up by a process that lives: nothing is to be concluded from it.
    const removed = await Promise.allSettled(left.map((note) => this.store.startNotes.remove(note)));
    for (const result of removed) {
      if (result.status === "rejected") this.logger.debug({ err: result.reason }, "the note of a start stays");
    }
  }

  async #guarded(plugin: string, signal: AbortSignal, work: Promise<PluginInstance>): Promise<PluginInstance> {
    try {
      return await orAborted(work, signal);
    } catch (error) {
      if (signal.aborted) this.#freeLate(work, plugin);
      throw error;
    }
  }

  async #note(record: PluginRecord, signal: AbortSignal): Promise<{ note: StartNote; suspect: boolean }> {
    const known = await this.#death(record);
    const note: StartNote = {
      node: this.#node,
      host: hostname(),
      pid: process.pid,
      plugin: record.manifest.name,
      codeHash: codeHash(record),
      startedAt: this.store.now(),
    };
    do {
      await this.settled(record, signal);
      signal.throwIfAborted();
    } while (!(await this.store.startNotes.put(note)));
    this.#notes.set(note, null);
    this.#beats ??= every(this.options.leaseMs / 4, () => this.#beat(), {
      onError: (error) => this.logger.debug({ err: error }, "no sign of life could be given"),
    });
    // Another node may have died of it while this one waited.
    const death = await this.#death(record).catch(async (error) => {
      await this.#end(note, { survived: false, suspect: false });
      throw error;
    });
    if (death === null || isDeepStrictEqual(death, known)) return { note, suspect: known !== null };
    await this.#end(note, { survived: false, suspect: false });
    throw pluginErrors.startDied(note.plugin, death);
  }

  async #work(note: StartNote, suspect: boolean, signal: AbortSignal, start: () => Promise<PluginInstance>) {
    try {
      return await start();
    } finally {
      await this.#end(note, { survived: !signal.aborted, suspect });
    }
  }

  /** Takes the note away; when the store does not do it, later. */
  async #end(note: StartNote, ended: Ended): Promise<void> {
    if (!this.#notes.has(note)) return;
    this.#notes.set(note, ended);
    const { survived, suspect } = ended;
    try {
      if (survived && suspect) await clearSuspicion(this.store, note);
      const there = await this.store.startNotes.remove(note);
      this.#notes.delete(note);
      // It was taken for dead.
      if (!there && survived) await clearSuspicion(this.store, note);
    } catch (error) {
      this.logger.debug({ plugin: note.plugin, err: error }, "the note of a start could not be removed yet");
    }
  }

  #freeLate(work: Promise<PluginInstance>, plugin: string): void {
    work
      .then(
        (late) => late[Symbol.asyncDispose](),
        () => undefined,
      )
      .catch((error) => this.logger.warn({ plugin, err: error }, "a plugin that was given up could not be freed"));
  }

  /** Nodes that died of this code, as the store says it now; null also when another code is installed. */
  async #death(record: PluginRecord): Promise<StartDeath | null> {
    const stored = await this.store.get(record.manifest.name);
    return stored && codeHash(stored) === codeHash(record) ? stored.startDeath : null;
  }

  get #lookMs(): number {
    return Math.min(LOOK_MS, this.options.leaseMs / 10);
  }

  /** The start of this code that is under way. */
  #other(of: Pick<StartNote, "plugin" | "codeHash">): Promise<StoredNote | null> {
    return this.store.startNotes.get(of);
  }

  /**
   * True when its node has shown no life for the lease. Only the time between looks counts, each for two at most: a
   * process that was itself stopped for a while has not looked.
   */
  async #isQuiet({ note }: StoredNote, watch: { last: string; quietMs: number; lookedAt: number }): Promise<boolean> {
    // A start of this node that was given up ends by itself.
    if (note.node === this.#node) return false;
    const last = JSON.stringify([note, await this.store.startNotes.lastBeat(note.node)]);
    const now = performance.now();
    if (last !== watch.last) Object.assign(watch, { last, quietMs: 0 });
    else watch.quietMs += Math.min(now - watch.lookedAt, 2 * this.#lookMs);
    watch.lookedAt = now;
    return watch.quietMs >= this.options.leaseMs;
  }

  #isForgotten({ node, plugin, codeHash }: StartNote): boolean {
    if (node !== this.#node) return false;
    return ![...this.#notes.keys()].some((note) => note.plugin === plugin && note.codeHash === codeHash);
  }

  async #settle(node: string): Promise<void> {
    for (const { manifest, startDeath } of await settleDeath(this.store, node)) {
      this.logger.error({ plugin: manifest.name, ...startDeath }, "a node died while it started a plugin");
    }
  }

  async #beat(): Promise<void> {
    if (this.#notes.size === 0) return;
    if (!this.options.soleNode) await this.store.startNotes.beat(this.#node);
    for (const [note, ended] of this.#notes) if (ended) await this.#end(note, ended);
  }
}

/** @throws the signal's reason */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
