import { clock, type Entry, kv, random } from "@aspen/guest-sdk";
import type { ForgeStore } from "../domain/forge-store.js";

const stored = ({ key, version, bytes }: Entry) => ({ key, version, value: bytes });

/** The store as the plugin has it. */
export const guestStore: ForgeStore = {
  getMany: async (keys) => (await kv.getMany(keys)).map((entry) => entry && stored(entry)),
  async scan(options) {
    const { entries, cursor } = await kv.scan(options);
    return { entries: entries.map(stored), ...(cursor === undefined ? {} : { cursor }) };
  },
  transact: ({ checks, ops, events = [] }) => kv.transact({ checks, ops, events }),
  now: () => clock.now(),
  newId: async () => Array.from(await random.bytes(10), (byte) => byte.toString(16).padStart(2, "0")).join(""),
};
