import { cut, isAspenError } from "@aspen/plugin-api";
import { type Middleware, spanned, type TraceContext, type TraceSpan, type TraceSpanOptions } from "@aspen/rpc-core";
import {
  type Context,
  context,
  createTraceState,
  isSpanContextValid,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";

const KINDS = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;

/** The spans of a request, by whatever SDK the process has registered with OpenTelemetry; without one, nothing is recorded. */
export class Tracing {
  readonly #tracer: Tracer;

  constructor(version: string) {
    this.#tracer = trace.getTracer("@aspen/node", version);
  }

  /** The outermost: the span of a request, below the caller's. */
  readonly requests: Middleware = (request, rest, next) => {
    const { requestId, caller } = rest;
    const attributes = {
      ...{ "rpc.system": "aspen", "rpc.method": cut(request.method) },
      ...{ "aspen.request_id": requestId, "aspen.caller": caller.kind },
    };
    const place = new Place(this.#tracer, parentOf(rest.trace));
    return spanned(place, cut(request.method), { kind: "server", attributes }, (trace) =>
      next(request, { ...rest, trace }),
    );
  };

  /** The innermost: the span of the handler's work. */
  readonly dispatch: Middleware = (request, rest, next) =>
    spanned(rest.trace, "dispatch", { attributes: { "rpc.method": cut(request.method) } }, (trace) =>
      next(request, { ...rest, trace }),
    );
}

/** Of a call in this process it is what runs around it. */
function parentOf(told: TraceContext | undefined): Context {
  const active = context.active();
  const [, traceId, spanId, flags] = told?.traceparent.split("-") ?? [];
  if (traceId === undefined || spanId === undefined) return active;
  const parent = {
    ...{ traceId, spanId, traceFlags: Number.parseInt(flags!, 16), isRemote: true },
    ...(told?.tracestate === undefined ? {} : { traceState: createTraceState(told.tracestate) }),
  };
  return isSpanContextValid(parent) ? trace.setSpanContext(active, parent) : active;
}

class Place implements TraceContext {
  constructor(
    private readonly tracer: Tracer,
    private readonly at: Context,
  ) {}

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = trace.getSpanContext(this.at) ?? NOWHERE;
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  }

  get tracestate(): string | undefined {
    return trace.getSpanContext(this.at)?.traceState?.serialize() || undefined;
  }

  begin(name: string, { attributes = {}, kind = "internal" }: TraceSpanOptions = {}): TraceSpan {
    const span = this.tracer.startSpan(name, { kind: KINDS[kind], attributes }, this.at);
    return {
      context: new Place(this.tracer, trace.setSpan(this.at, span)),
      end: (error) => {
        if (error !== undefined) {
          const code = isAspenError(error) ? error.code : "INTERNAL";
          // The message may hold what the caller sent.
          span.setStatus({ code: SpanStatusCode.ERROR, message: code });
          span.setAttribute("error.type", code);
        }
        span.end();
      },
    };
  }

  enter<T>(work: () => T): T {
    return context.with(this.at, work);
  }
}

/** What a request that is in no trace has: nobody follows it. */
const NOWHERE = { traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: 0 };
