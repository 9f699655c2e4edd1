/** Where the timers of one prefix are kept. */
export class TimerKeys {
  constructor(readonly prefix: string) {}

  /** The lease of the node whose turn it is. */
  get holder(): string {
    return `${this.prefix}holder`;
  }

  get definitions(): string {
    return `${this.prefix}timer/`;
  }

  get lasts(): string {
    return `${this.prefix}last/`;
  }

  definition(name: string): string {
    return this.definitions + name;
  }

  /** The last tick of a timer that was run or skipped. */
  last(name: string): string {
    return this.lasts + name;
  }
}
