import type { Store } from "@aspen/storage";
import type { Logger } from "pino";
import type { ResolvedNodeConfig } from "./config.js";

/** Opens the store that the configuration names. @throws AspenError `STORE_UNAVAILABLE` */
export async function openStore({ dataDir, redisUrl }: ResolvedNodeConfig, log: Logger): Promise<Store> {
  const { EmbeddedStore } = await import("@aspen/storage/embedded");
  const { RedisStore } = await import("@aspen/storage/redis");
  if (dataDir !== undefined) return EmbeddedStore.open({ directory: dataDir });
  const store = await RedisStore.open({ url: redisUrl!, onWarning: (warning) => log.warn(warning) });
  for (const warning of store.warnings) log.warn(warning);
  return store;
}
