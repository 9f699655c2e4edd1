import type { HealthCheck, HealthReport } from "@aspen/feature";

/** Milliseconds that a check has to answer. */
const CHECK_MS = 5000;

/** What one check said. */
export type CheckedHealth = HealthReport & { readonly name: string };

/** Asks health checks, each at most once at a time, however many ask. */
export class HealthChecks {
  readonly #running = new Map<HealthCheck, Promise<CheckedHealth>>();

  constructor(private readonly checks: readonly HealthCheck[]) {}

  /** Resolves within about five seconds. */
  ask(): Promise<CheckedHealth[]> {
    return Promise.all(this.checks.map((check) => this.#ask(check)));
  }

  #ask(check: HealthCheck): Promise<CheckedHealth> {
    const running = this.#running.get(check);
    if (running) return running;
    const controller = new AbortController();
    const answer = report(check, controller.signal);
    // One that hangs stays known until it answers, so that it is not asked again and again.
    const limited = limit(check.name, answer, () => {
      controller.abort();
      this.#running.set(check, Promise.resolve(late(check.name)));
    });
    this.#running.set(check, limited);
    void answer.then(() => this.#running.delete(check));
    return limited;
  }
}

async function report(check: HealthCheck, signal: AbortSignal): Promise<CheckedHealth> {
  try {
    return { ...(await check.check(signal)), name: check.name };
  } catch (error) {
    return { name: check.name, state: "degraded", message: error instanceof Error ? error.message : String(error) };
  }
}

function late(name: string): CheckedHealth {
  return { name, state: "degraded", message: `it did not answer within ${CHECK_MS} ms` };
}

async function limit(name: string, answer: Promise<CheckedHealth>, onLate: () => void): Promise<CheckedHealth> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<CheckedHealth>((resolve) => {
    timer = setTimeout(() => {
      onLate();
      resolve(late(name));
    }, CHECK_MS);
  });
  const first = await Promise.race([answer, tooLate]);
  clearTimeout(timer);
  return first;
}
