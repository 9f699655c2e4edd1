/** What a name below the registry's domain asks for. */
export type DnsSubject =
  /** Instances of a service, of which each has the tag when there is one. */
  | { kind: "service"; service: string; tag: string | null }
  /** An address that stands in the name itself, as targets of SRV records have it. */
  | { kind: "address"; address: string }
  /** The domain, or a name in it below which others are. */
  | { kind: "domain" }
  | { kind: "unknown" };

/**
 * Reads the forms of Consul (https://developer.hashicorp.com/consul/docs/services/discovery/dns-static-lookups):
 * `[tag.]name.service[.datacenter].domain`, `_name._tag.service[.datacenter].domain` (RFC 2782, where `_tcp` and `_udp`
 * are no tag) and `hex.addr[.datacenter].domain`. Null for a name outside of the domain.
 */
export function subjectOf(name: string, domain: string, datacenter: string): DnsSubject | null {
  const lower = name.toLowerCase().replace(/\.$/, "");
  if (lower === domain) return { kind: "domain" };
  if (!lower.endsWith(`.${domain}`)) return null;
  const inside = name.slice(0, lower.length - domain.length - 1).split(".");
  if (inside.length > 1 && inside.at(-1)!.toLowerCase() === datacenter.toLowerCase()) inside.pop();
  const kind = inside.pop()?.toLowerCase();
  if (inside.length === 0) return kind === "service" || kind === "addr" ? { kind: "domain" } : { kind: "unknown" };
  if (kind === "addr" && inside.length === 1) return addressOf(inside[0]!);
  if (kind !== "service") return { kind: "unknown" };
  const [first, second] = [inside[0]!, inside[1]];
  if (inside.length === 2 && first.startsWith("_") && second!.startsWith("_")) {
    const tag = second!.slice(1);
    return { kind: "service", service: first.slice(1), tag: /^(tcp|udp)$/i.test(tag) ? null : tag };
  }
  if (inside.length === 1) return { kind: "service", service: first, tag: null };
  // A name may have dots of its own: then all but the first part is the name, or all of it.
  return { kind: "service", service: inside.slice(1).join("."), tag: first };
}

function addressOf(hex: string): DnsSubject {
  if (/^[0-9a-f]{8}$/i.test(hex)) {
    return { kind: "address", address: Buffer.from(hex, "hex").join(".") };
  }
  if (/^[0-9a-f]{32}$/i.test(hex)) {
    return { kind: "address", address: hex.toLowerCase().match(/.{4}/g)!.join(":") };
  }
  return { kind: "unknown" };
}
