import { ResultStream, untilEnd } from "./result-stream.js";

/**
 * The place of a request in a trace (https://www.w3.org/TR/trace-context/), as it travels with it. Where nothing records
 * spans it has no functions, and is only passed on.
 */
export interface TraceContext {
  /** Header of that name: trace, span and flags. */
  readonly traceparent: string;
  /** Header of that name, at most 512 characters. @default none */
  readonly tracestate?: string | undefined;
  /** Begins a span below this one. */
  begin?(name: string, options?: TraceSpanOptions): TraceSpan;
  /** Runs work so that what it begins by other means is below this span, too. */
  enter?<T>(work: () => T): T;
}

export interface TraceSpanOptions {
  /** Of a bounded number and size; no values of keys, params or results. @default none */
  attributes?: Readonly<Record<string, string | number>>;
  /** @default "internal" */
  kind?: "internal" | "server" | "client";
}

/** A span that has begun. */
export interface TraceSpan {
  readonly context: TraceContext;
  /** With an error, the span says that it failed, and with which code. */
  end(error?: unknown): void;
}

/** Does work within a span of its own, when spans are recorded; that of a stream ends with the stream. The work gets the context that it passes on. */
export async function spanned<T>(
  trace: TraceContext | undefined,
  name: string,
  options: TraceSpanOptions,
  work: (trace: TraceContext | undefined) => Promise<T>,
): Promise<T> {
  if (!trace?.begin) return work(trace);
  const span = trace.begin(name, options);
  const { context } = span;
  try {
    const result = await (context.enter ? context.enter(() => work(context)) : work(context));
    if (result instanceof ResultStream) return untilEnd(result, (error) => span.end(error)) as T;
    span.end();
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  }
}
