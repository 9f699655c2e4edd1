import { BlockList, isIP } from "node:net";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** True for `localhost` and every address that only this machine can reach, in any way of writing it. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  // The first is in nearly every request, and a look into the list makes an object of the address.
  if (name === "127.0.0.1" || name === "localhost" || name === "localhost.") return true;
  const version = isIP(name);
  return version !== 0 && LOOPBACK.check(name, version === 4 ? "ipv4" : "ipv6");
}
