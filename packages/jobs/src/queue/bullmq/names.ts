import { jobsErrors } from "../../errors.js";

const PREFIX = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Keys of a queue. Those of BullMQ are `{prefix}:type:…`, a queue of BullMQ for each type of job; ours begin with `~`,
 * which no type does. The braces keep all of them on one node of a cluster: flows span types.
 */
export class BullMqNames {
  readonly prefix: string;
  /** Hash from the ids of jobs to their types. */
  readonly where: string;
  /** Sorted set of all jobs, by the time of their submit. */
  readonly index: string;
  /** Set of the types that a worker has registered, and of those that have a queue of BullMQ. */
  readonly types: string;
  readonly queues: string;
  /** Set of jobs that others wait for. */
  readonly awaited: string;
  /** Hash of jobs of whose ends somebody is to be told. */
  readonly untold: string;
  readonly workers: string;
  readonly workerInfos: string;
  /** Sorted set of running jobs that are to be cancelled, by when that was wished. */
  readonly cancels: string;
  /** What tells this queue from one of its prefix in another database of Redis. */
  readonly identity: string;
  /** Channel of hints; databases of Redis have channels in common. */
  readonly signals: string;

  /** @throws AspenError `INVALID_PARAMS` */
  constructor(prefix: string) {
    if (!PREFIX.test(prefix)) throw jobsErrors.invalid("prefix", "must be 1 to 64 letters, digits and _ . -");
    this.prefix = `{${prefix}}`;
    const own = (name: string) => `${this.prefix}:~${name}`;
    this.where = own("where");
    this.index = own("index");
    this.types = own("types");
    this.queues = own("queues");
    this.awaited = own("awaited");
    this.untold = own("untold");
    this.workers = own("workers");
    this.workerInfos = own("worker-infos");
    this.cancels = own("cancels");
    this.identity = own("identity");
    this.signals = own("signals");
  }

  /** Set of the jobs that wait for one. */
  children(id: string): string {
    return `${this.prefix}:~children:${id}`;
  }

  /** Is there while somebody waits for the end of a job. */
  waiter(id: string): string {
    return `${this.prefix}:~waiter:${id}`;
  }

  /** Is there while somebody submits a job with an idempotency key. */
  submitting(id: string): string {
    return `${this.prefix}:~submitting:${id}`;
  }

  /** A key of BullMQ's queue of a type: of a job by its id, or a name such as `failed`. */
  of(type: string, name: string): string {
    return `${this.prefix}:${type}:${name}`;
  }

  /** The id in the key of a job. */
  idIn(jobKey: string): string {
    return jobKey.slice(jobKey.lastIndexOf(":") + 1);
  }

  /** Member of the index. Ids sort by it. */
  indexed(id: string, submittedAt: number): string {
    return `${submittedAt.toString(16).padStart(12, "0")}:${id}`;
  }
}
