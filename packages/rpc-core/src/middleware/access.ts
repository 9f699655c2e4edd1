import type { AccessNeeds } from "../access.js";
import type { Caller, Grants } from "../caller.js";
import { rpcErrors } from "../errors.js";
import { grantsKey, grantsMethod } from "../grants.js";
import type { HandlerRegistry } from "../registry.js";
import { validated } from "../valid-params.js";
import type { Middleware } from "./middleware.js";

/**
 * Lets a request pass when its caller is granted what its method needs; for a method without a handler, its name. Where
 * that depends on the params they are validated here, and the handler gets them so.
 *
 * Its errors: `UNAUTHENTICATED` for an anonymous caller, `PERMISSION_DENIED` naming the method or the key, and those of the validation.
 */
export function accessMiddleware(registry: Pick<HandlerRegistry, "find">): Middleware {
  const look: Middleware = async (request, context, next) => {
    const { caller } = context;
    const { method: name, params } = request;
    const method = registry.find(name)?.method?.(name);
    const access = method?.access ?? {};
    if (access === "public") return next(request, context);
    if (caller.kind === "anonymous") throw rpcErrors.unauthenticated(name);
    assertMethods(caller, name, access);
    if (!method || !access.kvKeys) return next(request, context);
    const valid = await validated(name, method, params);
    for (const key of access.kvKeys(valid.value)) {
      if (!grantsKey(caller.grants, key)) throw rpcErrors.keyDenied(caller, name, key);
    }
    return next({ ...request, params: valid }, context);
  };
  return (request, context, next) =>
    grantsEverything(context.caller.grants) ? next(request, context) : look(request, context, next);
}

/** Nothing that a method can need is missing: the way of most requests, which need not be looked at. */
function grantsEverything({ methods, kvPrefixes }: Grants): boolean {
  return methods.includes("*") && kvPrefixes.includes("");
}

function assertMethods(caller: Caller, name: string, { methods = [name] }: AccessNeeds): void {
  for (const method of methods) {
    if (!grantsMethod(caller.grants, method)) throw rpcErrors.methodDenied(caller, name, method);
  }
}
