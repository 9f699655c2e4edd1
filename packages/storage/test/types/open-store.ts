import type { Store } from "../../src/index.js";
import { openStore } from "../../src/open-store.js";

/** A location is one of a driver, whole and alone. */
export async function locations(directory?: string): Promise<Store> {
  await openStore({ driver: "embedded", directory: "/srv/aspen" });
  await openStore(
    { driver: "redis", url: "redis://db:6379" },
    { onWarning: (warning) => console.warn(warning.trim()) },
  );
  // @ts-expect-error there is no such driver
  await openStore({ driver: "sqlite", directory: "/srv/aspen" });
  // @ts-expect-error a directory alone does not say which driver has it
  await openStore({ directory: "/srv/aspen" });
  // @ts-expect-error an address is none of the embedded store
  await openStore({ driver: "embedded", url: "redis://db:6379" });
  // @ts-expect-error a store has one driver
  await openStore({ driver: "embedded", directory: "/srv/aspen", url: "redis://db:6379" });
  // @ts-expect-error without its address
  await openStore({ driver: "redis" });
  // @ts-expect-error a location is more than its address
  await openStore("redis://db:6379");
  // @ts-expect-error nobody asks for errors there
  await openStore({ driver: "embedded", directory: "/srv/aspen" }, { onError: () => {} });
  // @ts-expect-error it may not have been given
  return await openStore({ driver: "embedded", directory });
}
