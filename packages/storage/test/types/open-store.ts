import type { Store } from "../../src/index.js";
import { openStore } from "../../src/open-store.js";

/** Either may be undefined, as flags and settings are; that there is exactly one is checked when it is opened. */
export async function locations(dataDir?: string, redisUrl?: string): Promise<Store> {
  await openStore({ dataDir: "/srv/aspen" });
  await openStore({ redisUrl: "redis://db:6379" }, { onWarning: (warning) => console.warn(warning.trim()) });
  // @ts-expect-error there is no such place
  await openStore({ directory: "/srv/aspen" });
  // @ts-expect-error a location is more than its address
  await openStore("redis://db:6379");
  // @ts-expect-error nobody asks for errors there
  await openStore({ dataDir: "/srv/aspen" }, { onError: () => {} });
  return await openStore({ dataDir, redisUrl });
}
