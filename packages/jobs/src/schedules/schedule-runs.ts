import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { Check, KeyValueStore, Op } from "@aspen/storage";

/** What the ticks of a schedule did. */
export interface ScheduleRun {
  /** Of the schedule: one that was created anew under the name has done nothing yet. */
  readonly scheduleId: string;
  readonly last: { readonly scheduledAt: number; readonly jobId: string } | null;
  readonly skipped: number;
}

/** What was read, and the check that it is still so. */
export interface ReadRun {
  readonly run: ScheduleRun;
  readonly check: Check;
}

/** What ticks did, by the names of the schedules. It is written with what they do, in one transaction. */
export class ScheduleRuns {
  constructor(
    private readonly kv: KeyValueStore,
    private readonly namespace: string,
  ) {}

  async read(name: string, scheduleId: string): Promise<ReadRun> {
    const [read] = await this.readMany([{ name, scheduleId }]);
    return read!;
  }

  async readMany(schedules: readonly { name: string; scheduleId: string }[]): Promise<ReadRun[]> {
    if (schedules.length === 0) return [];
    const keys = schedules.map(({ name }) => this.key(name));
    const entries = await this.kv.getMany(keys);
    return schedules.map(({ scheduleId }, index) => {
      const entry = entries[index];
      const stored = entry ? (JSON.parse(decodeUtf8(entry.value)) as ScheduleRun) : null;
      const key = keys[index]!;
      return {
        run: stored?.scheduleId === scheduleId ? stored : { scheduleId, last: null, skipped: 0 },
        check: entry ? { key, version: entry.version } : { key, value: null },
      };
    });
  }

  put(name: string, run: ScheduleRun): Op {
    return { type: "put", key: this.key(name), value: encodeUtf8(JSON.stringify(run)) };
  }

  async remove(name: string): Promise<void> {
    await this.kv.delete(this.key(name));
  }

  key(name: string): string {
    return `${this.namespace}schedule-run:${name}`;
  }
}
