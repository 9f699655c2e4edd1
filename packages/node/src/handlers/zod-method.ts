import { type Method, type MethodOptions, method } from "@aspen/rpc-core";
import { z } from "zod";

/** A method with zod params; their JSON Schema comes from the same place. */
export function zodMethod<Schema extends z.ZodType>(
  options: Omit<MethodOptions<z.output<Schema>>, "params"> & { params: Schema },
): Method {
  return method<z.output<Schema>>({
    ...options,
    params: options.params,
    paramsJsonSchema: z.toJSONSchema(options.params, { io: "input" }),
  });
}
