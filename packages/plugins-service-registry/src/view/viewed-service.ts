import { type Instance, type InstanceRecord, instanceOf, type Sign } from "../records/instance.js";

/** An entry of the store as the view keeps it. */
export interface Held<T> {
  readonly key: string;
  /** As it is stored: what is rewritten without a change is no change. */
  readonly text: string;
  readonly value: T;
  /** Milliseconds that it lives after a sign of life; undefined for ever. */
  readonly ttlMs: number | undefined;
  /** By `performance.now()`: before that it cannot have expired. */
  deadline: number;
  /** It has expired, as the store has confirmed, though its watch has not said so yet. */
  over: boolean;
}

/** One service, as a view of the registry sees it. */
export class ViewedService {
  readonly instances = new Map<string, Held<InstanceRecord>>();
  /** By instance and check. */
  readonly signs = new Map<string, Map<string, Held<Sign>>>();

  constructor(
    readonly name: string,
    /** Version of the last change. */
    public index: number,
  ) {}

  get empty(): boolean {
    return this.instances.size === 0 && this.signs.size === 0;
  }

  /** In the order of their ids. */
  list(): Instance[] {
    const held = [...this.instances.values()].filter(({ over }) => !over);
    return held.map(({ value }) => this.#shown(value)).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** What tells one state from another. */
  fingerprint(): string {
    return JSON.stringify(this.list());
  }

  #shown(record: InstanceRecord): Instance {
    const signs = this.signs.get(record.id);
    return instanceOf(record, (check) => {
      const sign = signs?.get(check);
      return sign && !sign.over ? sign.value : undefined;
    });
  }
}
