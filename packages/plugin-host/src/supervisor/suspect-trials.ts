import type { PluginManifest } from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot } from "../plugin-store/plugin-store.js";
import { neededBy } from "./needed-by.js";
import type { NotedStarts } from "./noted-starts.js";

export interface SuspectTrialsParts {
  /** Milliseconds that one has, and for which another node's trial is waited for. */
  suspectMs: number;
  notes: Pick<NotedStarts, "settled">;
  /** What is installed and enabled, dependencies first. */
  look(): Promise<{ order: readonly PluginManifest[]; snapshot: Pick<PluginSnapshot, "records"> }>;
  /** True when this revision needs no trial any more, or there can be none. */
  settled(record: PluginRecord): boolean;
  /** Starts a plugin in its turn; with `alone` although it is a suspect. */
  start(name: string, alone: boolean): Promise<void>;
  giveUp(name: string, reason: Error): void;
  /** Runs a task in the plugin's turn; its signal aborts when what is stored changes, or the node stops. */
  inTurn<T>(record: PluginRecord, task: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Starts the plugins that a node may have died of, each alone, so that a second death says which it was. */
export class SuspectTrials {
  constructor(private readonly parts: SuspectTrialsParts) {}

  /** Tries all of them; `wait` also for those that another node is trying. */
  async run(wait: boolean): Promise<void> {
    const { order, snapshot } = await this.parts.look();
    for (const { name } of order) {
      const suspect = snapshot.records.get(name)!;
      if (suspect.startDeath?.verdict !== "suspect" || this.parts.settled(suspect)) continue;
      if (!(await this.#isFree(suspect, wait))) continue;
      for (const needed of neededBy(suspect.manifest, order)) await this.parts.start(needed, false);
      await this.#tryAlone(name);
    }
  }

  async #tryAlone(name: string): Promise<void> {
    const { suspectMs, giveUp, start } = this.parts;
    const late = () => giveUp(name, pluginErrors.notServing(name, `it took over ${suspectMs} ms alone`));
    const timer = setTimeout(late, suspectMs);
    try {
      await start(name, true);
    } finally {
      clearTimeout(timer);
    }
  }

  /** True when no other node is trying it, for which this one waits at most `suspectMs`. */
  async #isFree(record: PluginRecord, wait: boolean): Promise<boolean> {
    const patience = AbortSignal.timeout(wait ? this.parts.suspectMs : 0);
    return this.parts.inTurn(record, async (startSignal) => {
      const signal = AbortSignal.any([startSignal, patience]);
      try {
        await this.parts.notes.settled(record, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      return !signal.aborted;
    });
  }
}
