import { type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import { z } from "zod";

/** `forge.gateway.info`: what the plugin tells people of the way to the repositories. */
export function gatewayHandler(url: () => string): HandlerFactory {
  return methodsHandlerFactory({ name: "forge-gateway", priority: 510, methods: () => gatewayMethods(url) });
}

export type GatewayMethods = MethodsOf<ReturnType<typeof gatewayMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends GatewayMethods {}
}

function gatewayMethods(url: () => string) {
  return {
    "forge.gateway.info": method({
      summary: "Says below which address git clients find the repositories, at /git/<owner>/<name>.git.",
      params: z.strictObject({}),
      result: z.strictObject({ url: z.string() }),
      // It tells nothing that whoever reaches the node does not know.
      access: "public",
      safe: true,
      handle: async () => ({ url: url() }),
    }),
  };
}
