import type { Redis } from "ioredis";
import { loadIoredis } from "../../drivers/redis/packages.js";

/** A plain connection to one server, cluster node or Sentinel. */
export async function redisAdmin(port: number, password?: string): Promise<Redis> {
  const { Redis } = await loadIoredis();
  const admin = new Redis({
    host: "127.0.0.1",
    port,
    ...(password === undefined ? {} : { password }),
    enableReadyCheck: false,
  });
  // Whoever sends a command hears that it failed.
  admin.on("error", () => undefined);
  return admin;
}
