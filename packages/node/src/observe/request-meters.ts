import { CountMeter, type Meter, TimeMeter } from "@aspen/feature";
import { ERROR_TABLE, handlePatternMatches, isAspenError } from "@aspen/plugin-api";
import { type HandlerRegistry, type Middleware, ResultStream, untilEnd } from "@aspen/rpc-core";

/** What a method without a handler is called: whoever asks can make up any number of them. */
const UNKNOWN = "unknown";

/** The label of how something ended: a code of the table, as a plugin's own may be anything. */
export function codeOf(error: unknown): string {
  if (!isAspenError(error)) return "INTERNAL";
  return Object.hasOwn(ERROR_TABLE, error.code) ? error.code : "OTHER";
}

/** Counts and times the calls of methods; one whose result is a stream lasts as long as that. */
export class RequestMeters {
  readonly #count = new CountMeter(
    "aspen_node_requests_total",
    "Calls of methods that were answered, by method and code (OK, or that of the error).",
    ["method", "code"],
  );
  readonly #times = new TimeMeter("aspen_node_request_seconds", "Time to answer a call, by method.", ["method"]);
  /** Labels of methods by their names, of those that have a name of their own. */
  #labels = new Map<string, string>();

  constructor(private readonly registry: HandlerRegistry) {
    registry.onChange(() => {
      this.#labels = new Map();
    });
  }

  get meters(): readonly Meter[] {
    return [this.#count, this.#times];
  }

  readonly middleware: Middleware = async (request, context, next) => {
    const began = performance.now();
    let result: unknown;
    try {
      result = await next(request, context);
    } catch (error) {
      this.#note(request.method, codeOf(error), began);
      throw error;
    }
    if (result instanceof ResultStream) {
      return untilEnd(result, (error) => this.#note(request.method, error === undefined ? "OK" : codeOf(error), began));
    }
    this.#note(request.method, "OK", began);
    return result;
  };

  #note(name: string, code: string, began: number): void {
    const method = this.#labelOf(name);
    this.#count.add([method, code]);
    this.#times.observe([method], performance.now() - began);
  }

  /** The method's name, or the pattern under which its handler serves it. */
  #labelOf(name: string): string {
    const known = this.#labels.get(name);
    if (known !== undefined) return known;
    const handler = this.registry.find(name);
    const pattern = handler?.methods.find(({ method }) => handlePatternMatches(method, name))?.method ?? UNKNOWN;
    if (pattern === name) this.#labels.set(name, name);
    return pattern;
  }
}
