import { blobs, definePlugin, kv } from "@aspen/guest-sdk";

export default definePlugin({
  handlers: {
    /** A key of somebody else. Nothing catches the denial: it reaches the caller with its code. */
    "outsider.write": async ({ key }: { key: string }) => kv.put(key, "mine now"),
    /** Everything, also what is not its own. */
    "outsider.scan": async () => kv.scan({ prefix: "" }),
    /** plugin.json does not ask for blob:write. */
    "outsider.store": async () => blobs.put("bytes"),
    "outsider.loop": () => {
      for (;;);
    },
    "outsider.allocate": () => {
      const hoard: Uint8Array[] = [];
      for (;;) hoard.push(new Uint8Array(4 * 1024 * 1024));
    },
    "outsider.ping": () => "pong",
    /** What it may do. */
    "outsider.behave": async () => {
      await kv.put("__plugin:outsider:note", "in my own namespace");
      return (await kv.get("__plugin:outsider:note"))?.text();
    },
  },
});
