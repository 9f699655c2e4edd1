import { definePlugin, rpc } from "@aspen/guest-sdk";
import type { Store } from "@aspen/storage";
import { expect, test } from "@jest/globals";
import type { AspenNode } from "../src/index.js";
import { sharedStore, startMember, untilNodes } from "./cluster-support.js";

/** A node on which alone a plugin of this name runs; it calls the method that it is told, with the rest of the way. */
function nodeWith(store: Store, name: string): Promise<AspenNode> {
  const plugin = {
    manifest: {
      ...{ name, version: "1.0.0", api_version: "1", entry: { kind: "native", module: "plugin.js" } },
      handles: [`${name}.go`],
      permissions: ["rpc:call:*"],
    },
    module: definePlugin({
      handlers: {
        [`${name}.go`]: async ([next, ...rest]: string[]) =>
          next === undefined ? [name] : [name, ...(await rpc.call<string[]>(`${next}.go`, rest))],
      },
    }),
  };
  return startMember(store, {}, {}, { features: { "plugins-native": { plugins: [plugin] } } });
}

test("plugins of two nodes call each other, and a ring of them ends with a code on either", async () => {
  const store = sharedStore();
  await using one = await nodeWith(store, "a");
  await using two = await nodeWith(store, "b");
  for (const node of [one, two]) {
    await untilNodes(node, 2, ({ methods }) => methods.includes("a.go") || methods.includes("b.go"));
  }
  const go = (node: AspenNode, ...way: string[]) => node.client.call("a.go", way);
  for (const node of [one, two]) {
    await expect(go(node, "b")).resolves.toEqual(["a", "b"]);
    await expect(go(node, "b", "a")).rejects.toMatchObject({
      code: "RPC_CYCLE",
      details: { plugins: ["a", "b", "a"] },
    });
    await expect(go(node, "a")).rejects.toMatchObject({ code: "RPC_CYCLE", details: { plugins: ["a", "a"] } });
    await expect(node.client.call("b.go", ["a", "b"])).rejects.toMatchObject({
      code: "RPC_CYCLE",
      details: { plugins: ["b", "a", "b"] },
    });
    // Neither waits for the other after that.
    await expect(go(node)).resolves.toEqual(["a"]);
  }
});
