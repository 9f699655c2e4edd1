/** Most causes of one error that are looked at. */
const CAUSES_MAX = 16;

/**
 * What was thrown, as an `Error` whose parts can be read. Anything can be thrown: `undefined`, a text, or an object that
 * throws when it is looked at, which would then end whoever writes it into a log.
 */
export function thrownError(thrown: unknown): Error {
  try {
    read(thrown);
    // Pino marks the errors that it has seen, which a frozen one does not suffer.
    if (thrown instanceof Error && Object.isExtensible(thrown)) return thrown;
    // An error of another realm is none of this one's.
    return typeof thrown === "object" ? new Error(textOf(thrown), { cause: thrown }) : new Error(textOf(thrown));
  } catch {
    return new Error("something was thrown that cannot be read");
  }
}

function textOf(thrown: unknown): string {
  if (typeof thrown === "string" && thrown !== "") return thrown;
  const { message } = (thrown ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : `${String(thrown)} was thrown`;
}

/** Reads what a log would read, so that it throws here if it throws. */
function read(thrown: unknown): void {
  let part = thrown;
  for (let left = CAUSES_MAX; left > 0 && isObject(part); left -= 1) {
    const { name, message, stack, cause } = part as Error;
    void `${name} ${message} ${stack}`;
    for (const key in part) void (part as Record<string, unknown>)[key];
    part = cause;
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
