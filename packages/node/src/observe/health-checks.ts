import type { HealthCheck, HealthReport } from "@aspen/feature";
import { cut, thrownError } from "@aspen/plugin-api";

/** Milliseconds that a check has to answer. */
const CHECK_MS = 5000;
/** Most characters of what one says. */
const MESSAGE_CHARACTERS = 1024;

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
    const report: HealthReport | undefined = await check.check(signal);
    if (report?.state === "healthy") return { name: check.name, state: "healthy" };
    if (report?.state === "degraded") return degraded(check, String(report.message));
    return degraded(check, "its answer is no report");
  } catch (error) {
    return degraded(check, thrownError(error).message);
  }
}

/** Only what a report has: anything else might not go into JSON. */
function degraded({ name }: HealthCheck, message: string): CheckedHealth {
  return { name, state: "degraded", message: cut(message, MESSAGE_CHARACTERS) };
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
