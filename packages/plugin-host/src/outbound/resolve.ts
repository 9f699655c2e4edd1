import { Resolver } from "node:dns/promises";

/** Finds the addresses of a name, IPv4 and IPv6. An empty list, as an error, means that it has none. */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * Asks DNS for the addresses of a name. It is not `lookup`: that takes one of the few threads that all of the node's
 * lookups share, for as long as a hostile name server likes. So neither the hosts file nor a search list is read.
 */
export const resolveByDns: Resolve = async (name, signal) => {
  const resolver = new Resolver();
  const stop = () => resolver.cancel();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    if (addresses.length === 0 && found[0].status === "rejected") throw found[0].reason;
    return addresses;
  } finally {
    signal.removeEventListener("abort", stop);
  }
};
