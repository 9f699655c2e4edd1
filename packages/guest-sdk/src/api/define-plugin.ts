import { GUEST, type GuestFactory } from "@aspen/plugin-api/abi";
import { guestOf } from "../guest/guest.js";
import type { PluginDefinition } from "./plugin-definition.js";

export interface Plugin extends PluginDefinition {
  /** How whatever runs it serves it. */
  readonly [GUEST]: GuestFactory;
}

/**
 * Describes a plugin; its file exports the result as `default`.
 *
 * @throws TypeError when a handler is not a function
 */
export function definePlugin(definition: PluginDefinition): Plugin {
  if (typeof definition?.handlers !== "object" || definition.handlers === null) {
    throw new TypeError("definePlugin needs `handlers`, an object of functions by method name");
  }
  for (const [method, handler] of Object.entries(definition.handlers)) {
    if (typeof handler !== "function")
      throw new TypeError(`the handler of ${JSON.stringify(method)} is not a function`);
  }
  return { ...definition, [GUEST]: (identity) => guestOf(definition, identity) };
}
