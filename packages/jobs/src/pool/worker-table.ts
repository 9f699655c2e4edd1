import { jobsErrors } from "../errors.js";
import { assertJobType } from "../options.js";
import { checkPayload } from "../payload-check.js";
import type { Worker } from "../worker.js";

/** Which worker runs which type. */
export class WorkerTable {
  readonly #byType = new Map<string, Worker>();

  /** @throws AspenError `INVALID_PARAMS` for a type that is none, or that another has */
  add(worker: Worker): Disposable {
    const types = [...worker.jobTypes()];
    for (const type of types) {
      assertJobType(type);
      if (this.#byType.has(type)) throw jobsErrors.duplicateType(type);
    }
    for (const type of types) this.#byType.set(type, worker);
    return {
      [Symbol.dispose]: () => {
        for (const type of types) if (this.#byType.get(type) === worker) this.#byType.delete(type);
      },
    };
  }

  get(type: string): Worker | undefined {
    return this.#byType.get(type);
  }

  /** @throws AspenError `INVALID_PARAMS`, naming `field`, for a payload that a worker of the table would refuse */
  async checkPayload(type: string, payload: unknown, field = "payload"): Promise<void> {
    const schema = this.get(type)?.payloadSchema?.(type);
    const checked = schema && (await checkPayload(schema, payload));
    if (checked && checked.problem !== null) throw jobsErrors.invalid(field, checked.problem);
  }

  get types(): string[] {
    return [...this.#byType.keys()];
  }

  get workers(): Set<Worker> {
    return new Set(this.#byType.values());
  }
}
