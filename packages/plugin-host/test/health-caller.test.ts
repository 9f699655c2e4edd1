import { nodeCaller } from "@aspen/rpc-core";
import { expect, test } from "@jest/globals";
import { eventually, Host, scripted } from "./support.js";

test("the node asks for the health of a plugin, at its start and from then on", async () => {
  await using host = await Host.start(undefined, { healthMs: 10 });
  await host.installer.install(scripted("a", { answer: 1 }));
  expect(host.runtime.askers).toContainEqual(nodeCaller("node"));
  await eventually(() => host.runtime.askers.length > 2);
  expect(new Set(host.runtime.askers.map(({ kind, id }) => `${kind} ${id}`))).toEqual(new Set(["node node"]));
});
