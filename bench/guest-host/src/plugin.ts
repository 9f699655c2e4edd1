import { blobs, clock, definePlugin, events, type HookEvent, kv, rpc } from "@aspen/guest-sdk";

const VALUE = new Uint8Array(100).fill(7);
const PARAMS = { text: "hello" };
let hash = "";

/** One host call of each kind. */
const calls: Record<string, (n: number) => unknown> = {
  kv_get: () => kv.get("host:key"),
  kv_put: (n) => kv.put(`host:put:${n % 1000}`, VALUE),
  kv_cas: () => kv.cas("host:key", VALUE, VALUE),
  kv_scan: () => kv.scan({ prefix: "host:key", limit: 1 }),
  kv_transact: (n) => kv.transact({ ops: [{ type: "put", key: `host:put:${n % 1000}`, value: VALUE }] }),
  events_emit: () => events.emit({ topic: "quiet.event", data: VALUE }),
  blob_put: () => blobs.put(VALUE),
  blob_get: () => blobs.get(hash),
  blob_has: () => blobs.has(hash),
  clock_now: () => clock.now(),
  rpc_call: () => rpc.call("neighbour.echo", PARAMS),
};

export default definePlugin({
  handlers: {
    "host.repeat": async ({ what, count }: { what: string; count: number }) => {
      hash ||= (await kv.get("host:hash"))?.text() ?? "";
      const call = calls[what];
      let done = 0;
      for (; call && done < count; done += 1) await call(done);
      return done;
    },
    "host.copy": async ({ hash: from }: { hash: string }) => {
      const source = await blobs.open(from);
      const target = await blobs.create();
      await target.write("copy");
      let bytes = 0;
      if (source) {
        for await (const part of source) {
          bytes += part.length;
          await target.write(part);
        }
      }
      return { bytes, hash: await target.commit() };
    },
  },

  async onHookEvent({ data }: HookEvent<{ key: string }>) {
    if (data) await kv.put(data.key, "1");
  },
});
