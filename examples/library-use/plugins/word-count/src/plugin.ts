import { definePlugin, kv } from "@aspen/guest-sdk";

const TOTAL = "__plugin:word-count:total";

export default definePlugin({
  handlers: {
    "words.count": async ({ text }: { text: string }) => {
      const words = text.split(/\s+/).filter((word) => word !== "").length;
      const total = Number((await kv.get(TOTAL))?.text() ?? 0) + words;
      await kv.put(TOTAL, String(total));
      return { words, total };
    },
    "words.loop": () => {
      for (;;);
    },
  },
});
