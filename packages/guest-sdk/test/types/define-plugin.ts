import { definePlugin, type Handler, type Plugin } from "../../src/index.js";

/** Each handler names the type of its own params; it answers at once or later. */
const plugin = definePlugin({
  handlers: {
    "shop.order": async ({ what, count }: { what: string; count?: number }, { requestId, signal }) => {
      // @ts-expect-error only a plugin in the node's own process has a signal
      signal.throwIfAborted();
      return { what: what.toUpperCase(), count: count ?? 1, requestId };
    },
    "shop.list": () => ["tea"],
    "shop.clear": () => {},
  },
  onHealth: () => ({ state: "degraded", message: "no tea" }),
});
export const isPlugin: Plugin = plugin;

/** What runs a plugin is put there by `definePlugin`. */
// @ts-expect-error it was not defined
export const bare: Plugin = { handlers: {} };
// @ts-expect-error it handles nothing
definePlugin({});
// @ts-expect-error a handler is a function
definePlugin({ handlers: { "shop.list": ["tea"] } });
// @ts-expect-error there is no such hook
definePlugin({ handlers: {}, onStart: () => {} });
// @ts-expect-error there is no such state of health
definePlugin({ handlers: {}, onHealth: () => ({ state: "ill" }) });
// @ts-expect-error the context has no such field
export const nosy: Handler = (_params, { token }) => token;
