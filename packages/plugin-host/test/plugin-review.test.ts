import type { Caller } from "@aspen/rpc-core";
import { expect, test } from "@jest/globals";
import { pluginReview } from "../src/plugin-review.js";

test("a plugin may do of what it was granted what it is granted now", async () => {
  const manifest = { name: "shop", permissions: ["kv:read", "rpc:call:bank.pay"], kv_prefixes: ["shop:a"] };
  const review = pluginReview({ get: () => ({ manifest }) } as never);
  const grants = { methods: ["bank.*", "mail.send"], kvPrefixes: ["shop:"] };
  const caller: Caller = { kind: "plugin", id: "shop", grants, token: "t1" };
  expect(await review.review(caller)).toEqual({
    ...caller,
    grants: { methods: ["bank.pay"], kvPrefixes: ["shop:a"] },
  });
});
