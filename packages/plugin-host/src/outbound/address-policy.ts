import ipaddr from "ipaddr.js";
import { outboundErrors } from "./errors.js";
import type { GrantedAddress } from "./options.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

interface Grant {
  readonly network: Network;
  /** Undefined: each. */
  readonly ports: readonly number[] | undefined;
}

/** RFC 4291, section 2.4, as IANA gives it out: all that is public in IPv6 lies here. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/** Which addresses may be connected to: those of the public internet, and those that are granted one by one. */
export class AddressPolicy {
  readonly #granted: readonly Grant[];

  /** @throws AspenError `CONFIG_INVALID` for what is neither an address nor a network */
  constructor(granted: readonly (string | GrantedAddress)[]) {
    this.#granted = granted.map((one) =>
      typeof one === "string"
        ? { network: networkOf(one), ports: undefined }
        : { network: networkOf(one.network), ports: one.ports },
    );
  }

  /** @throws AspenError `OUTBOUND_ADDRESS_DENIED`, also for what is no address at all */
  assertAllowed(host: string, address: string, port: number): void {
    // An address with a zone, such as fe80::1%eth0, is of one link only.
    if (address.includes("%") || !ipaddr.isValid(address)) {
      throw outboundErrors.addressDenied(host, JSON.stringify(address.slice(0, 64)), "no address");
    }
    const parsed = ipaddr.parse(address);
    const kind = kindOf(parsed);
    if (kind === "unicast" || this.#granted.some((grant) => covers(grant, parsed, port))) return;
    throw outboundErrors.addressDenied(host, address, KINDS[kind] ?? "reserved");
  }
}

const KINDS: Readonly<Record<string, string>> = {
  unspecified: "unspecified",
  broadcast: "for all",
  multicast: "for a group",
  linkLocal: "of one link",
  loopback: "of this machine",
  carrierGradeNat: "of a carrier's own network",
  private: "private",
  uniqueLocal: "private",
  deprecatedSiteLocal: "private",
  ipv4Mapped: "an IPv4 address in another form",
  ipv4Compatible: "an IPv4 address in another form",
  rfc6145: "an IPv4 address in another form",
  rfc6052: "an IPv4 address in another form",
  "6to4": "an IPv4 address in another form",
  teredo: "an IPv4 address in another form",
};

function kindOf(address: Address): string {
  const range: string = address.range();
  if (range !== "unicast" || address.kind() === "ipv4") return range;
  const v6 = address as ipaddr.IPv6;
  if (v6.match(GLOBAL_UNICAST)) return range;
  // ::a.b.c.d of RFC 4291, section 2.5.5.1: some systems still reach the IPv4 address by it.
  return v6.parts.slice(0, 6).every((part) => part === 0) ? "ipv4Compatible" : "reserved";
}

function networkOf(text: string): Network {
  if (!text.includes("%")) {
    if (ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)) {
      const address = ipaddr.parse(text);
      return [address, address.kind() === "ipv4" ? 32 : 128];
    }
    if (ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  }
  throw outboundErrors.options(`${JSON.stringify(text.slice(0, 64))} is neither an address nor a network`);
}

function covers({ network, ports }: Grant, address: Address, port: number): boolean {
  if (network[0].kind() !== address.kind() || !address.match(network)) return false;
  return ports === undefined || ports.includes(port);
}
