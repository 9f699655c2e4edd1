// How long a change of a plugin on one node takes to reach another one.
import { setImmediate as turn } from "node:timers/promises";
import { percentile } from "./measure.mjs";

/** Changes of each kind that are measured, after those that warm up. */
const ROUNDS = 20;
const WARM_UP = 2;
/** Milliseconds after which a change has not come. */
const LATE_MS = 10_000;

/**
 * Milliseconds until another node has followed a plugin's change, from the call and from the answer of the node that was
 * told. It may follow before that answers.
 *
 * @param told client of the node that is told
 * @param other client of the one that is to follow
 * @param plugin its manifest and bytes
 */
export async function pluginReach(told, other, { manifest, wasm }) {
  const { name } = manifest;
  const follows = async (state) => {
    const since = performance.now();
    while ((await stateOn(other, name)) !== state) {
      if (performance.now() - since > LATE_MS)
        throw new Error(`the other node has no ${state} plugin after ${LATE_MS} ms`);
      await turn();
    }
    return performance.now();
  };
  const artifacts = [{ name: "plugin.wasm", content: { base64: Buffer.from(wasm).toString("base64") } }];
  await told.call("plugin.install", { manifest, artifacts });
  await follows("ready");
  const times = { disable: [], enable: [] };
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const [kind, state] of [
      ["disable", "stopped"],
      ["enable", "ready"],
    ]) {
      const sent = performance.now();
      const [answered, followed] = await Promise.all([
        told.call(`plugin.${kind}`, { name }).then(() => performance.now()),
        follows(state),
      ]);
      if (round >= 0) times[kind].push({ all: followed - sent, behind: followed - answered });
    }
  }
  return Object.entries(times).map(([kind, all]) => {
    const part = (field, at) =>
      percentile(
        all.map((time) => time[field]),
        at,
      );
    return { kind, all: part("all", 0.5), behind: part("behind", 0.5), behind99: part("behind", 0.99) };
  });
}

/** Null when the node does not know it. */
async function stateOn(client, name) {
  const { plugins } = await client.call("plugin.list");
  return plugins.find((plugin) => plugin.name === name)?.state ?? null;
}
