import { type HandlerFactory, method, methodsHandlerFactory, type RequestContext } from "@aspen/rpc-core";
import validRange from "semver/ranges/valid.js";
import { z } from "zod";
import type { ServiceState } from "../methods.js";
import { matches } from "../records/filters.js";
import type { Instance } from "../records/instance.js";
import type { ServiceView } from "../view/service-view.js";

/** Milliseconds that the answer of a wait has before the caller's deadline. */
const MARGIN_MS = 500;

const text = z.string().max(512);
const filter = {
  healthy: z.boolean().optional(),
  tags: z.array(text).max(64).optional(),
  anyTag: z.array(text).max(64).optional(),
  version: text.refine((range) => validRange(range) !== null, "must be a range of semantic versions").optional(),
  metadata: z.record(z.string(), text).optional(),
  zone: text.optional(),
};
const params = z.strictObject({
  service: z.string().min(1).max(128),
  index: z.int().min(0).default(0),
  waitMs: z.int().min(0).max(600_000).default(300_000),
  ...filter,
});
type Params = z.output<typeof params>;
const state = z.strictObject({
  service: z.string(),
  index: z.int(),
  instances: z.array(z.custom<Instance>()),
  stale: z.boolean(),
});

/** `service.watch`: waits for a change of a service; as a stream, every state from now on. */
export function watchHandler(view: ServiceView): HandlerFactory {
  return methodsHandlerFactory({ name: "service-watch", priority: 500, methods: () => watchMethods(view) });
}

function watchMethods(view: ServiceView) {
  return {
    "service.watch": method({
      summary:
        "The state of a service when its index is above index, or after waitMs; as a stream, each state from then on. Indexes grow, on every node.",
      params,
      result: state,
      safe: true,
      async handle(params, context) {
        await view.ready(context.signal);
        const { deadline = Number.POSITIVE_INFINITY } = context;
        const waitMs = Math.min(params.waitMs, deadline - performance.now() - MARGIN_MS);
        const { service, index } = params;
        if (index > 0) await view.changed(() => view.indexOf(service), index, waitMs, context.signal);
        return shown(view.state(service), params);
      },
      stream: { item: state, items: (params, context) => states(view, params, context) },
    }),
  };
}

async function* states(view: ServiceView, params: Params, { signal }: RequestContext) {
  await view.ready(signal);
  const { service } = params;
  let { index } = params;
  let stale = false;
  while (!signal.aborted && !view.over) {
    const state = view.state(service);
    if (index === 0 || state.index > index || state.stale !== stale) {
      ({ index, stale } = state);
      yield [shown(state, params)];
      continue;
    }
    await changedOrStale(view, service, index, stale, signal);
  }
}

function changedOrStale(
  view: ServiceView,
  service: string,
  index: number,
  stale: boolean,
  signal: AbortSignal,
): Promise<void> {
  const indexOf = () => (view.stale === stale ? view.indexOf(service) : Number.POSITIVE_INFINITY);
  return view.changed(indexOf, index, 60_000, signal);
}

function shown(state: ServiceState, filter: Params): ServiceState {
  const { healthy, tags, anyTag, version, metadata, zone } = filter;
  const wanted = Object.fromEntries(
    Object.entries({ healthy, tags, anyTag, version, metadata, zone }).filter(([, value]) => value !== undefined),
  );
  return { ...state, instances: state.instances.filter((instance) => matches(instance, wanted)) };
}
