import { AspenError, definePlugin, isAspenError, kv, PluginError } from "@aspen/guest-sdk";

const VALUES = "counter:value:";
const NAME = /^[a-z0-9-]{1,64}$/;

export default definePlugin({
  handlers: {
    "counter.add": async (params: unknown) => {
      const { name, by = 1 } = record(params);
      if (typeof by !== "number" || !Number.isSafeInteger(by)) throw invalid("by must be a whole number");
      return { value: await add(keyOf(name), by) };
    },
    "counter.get": async (params: unknown) => {
      const entry = await kv.get(keyOf(record(params).name));
      return { value: Number(entry?.text() ?? 0) };
    },
  },
});

/** Adds to a counter, also when several instances on several nodes do so at once. */
async function add(key: string, by: number): Promise<number> {
  try {
    return await kv.add(key, by);
  } catch (error) {
    if (!isAspenError(error) || error.code !== "INVALID_PARAMS") throw error;
    throw new PluginError("conflict", "COUNTER_FULL", "the counter cannot hold so much");
  }
}

function keyOf(name: unknown): string {
  if (typeof name !== "string" || !NAME.test(name)) throw invalid("name must be 1 to 64 of a-z, 0-9 and -");
  return VALUES + name;
}

function record(params: unknown): Record<string, unknown> {
  if (typeof params !== "object" || params === null) throw invalid("the params must be an object");
  return params as Record<string, unknown>;
}

function invalid(problem: string): AspenError {
  return new AspenError("INVALID_PARAMS", problem);
}
