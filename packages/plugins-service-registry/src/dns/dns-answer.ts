import { isIPv4, isIPv6 } from "node:net";
import type { Answer, Packet } from "dns-packet";
import type { Instance } from "../records/instance.js";
import type { ServiceView } from "../view/service-view.js";
import { type DnsSubject, subjectOf } from "./dns-question.js";

export interface DnsZone {
  /** Lower case, without a dot at its end. */
  domain: string;
  datacenter: string;
  /** Seconds for which an answer may be kept. */
  ttl: number;
}

/** https://www.rfc-editor.org/rfc/rfc6895#section-2.3 */
export const RCODE = { ok: 0, formatError: 1, serverFailure: 2, noName: 3, notImplemented: 4, refused: 5 } as const;
/** Authoritative answer (RFC 1035, 4.1.1). */
const AUTHORITATIVE = 1 << 10;
const RECURSION_DESIRED = 1 << 8;
const OPCODE = 0x7800;

/** A question's answer: what is known of the instances that are not critical. */
export function answerOf(query: Packet, view: ServiceView, zone: DnsZone): Packet {
  const flags = ((query.flags ?? 0) & (RECURSION_DESIRED | OPCODE)) | AUTHORITATIVE;
  const reply = (rcode: number, more: Partial<Packet> = {}): Packet => ({
    ...{ type: "response", id: query.id ?? 0, flags: flags | rcode, questions: query.questions ?? [] },
    ...more,
  });
  if (((query.flags ?? 0) & OPCODE) !== 0) return reply(RCODE.notImplemented);
  const [question] = query.questions ?? [];
  if (!question || query.questions!.length !== 1) return reply(RCODE.formatError);
  const { name, class: of = "IN" } = question;
  const type: string = question.type;
  const subject = subjectOf(name, zone.domain, zone.datacenter);
  if (!subject || (of !== "IN" && of !== "ANY")) return reply(RCODE.refused);
  const none = { authorities: [startOfAuthority(zone)] };
  if (subject.kind === "unknown") return reply(RCODE.noName, none);
  if (subject.kind === "domain") {
    const own = type === "SOA" || type === "ANY" ? [startOfAuthority(zone)] : [];
    return own.length > 0 ? reply(RCODE.ok, { answers: own }) : reply(RCODE.ok, none);
  }
  const found = subject.kind === "address" ? null : instancesOf(subject, view);
  if (found?.length === 0) return reply(RCODE.noName, none);
  const [answers, additionals] =
    subject.kind === "address"
      ? [addressRecords(name, type, [subject.address], zone), []]
      : records(name, type, found!, zone);
  return answers.length > 0 ? reply(RCODE.ok, { answers, additionals }) : reply(RCODE.ok, none);
}

/** In an order that differs from answer to answer, so that the first is not always the same. */
function instancesOf({ service, tag }: Extract<DnsSubject, { kind: "service" }>, view: ServiceView): Instance[] {
  const alive = (name: string) => listOf(view, name).filter(({ status }) => status !== "critical");
  const lower = tag?.toLowerCase();
  const tagged = alive(service).filter(({ tags }) => tag === null || tags.some((one) => one.toLowerCase() === lower));
  const found = tagged.length > 0 || tag === null ? tagged : alive(`${tag}.${service}`);
  for (let at = found.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [found[at], found[other]] = [found[other]!, found[at]!];
  }
  return found;
}

/** Names in the DNS have no case; those of services do, and the very same one comes first. */
function listOf(view: ServiceView, name: string): Instance[] {
  const exact = view.state(name).instances;
  if (exact.length > 0) return exact;
  const other = view.named(name);
  return other === null ? [] : view.state(other).instances;
}

function records(name: string, type: string, instances: readonly Instance[], zone: DnsZone): [Answer[], Answer[]] {
  const addresses = [...new Set(instances.map(({ address }) => address))];
  const plain = type === "SRV" ? [] : addressRecords(name, type, addresses, zone);
  if (type !== "SRV" && type !== "ANY") return [plain, []];
  const answers: Answer[] = [...plain];
  const additionals: Answer[] = [];
  for (const { address, port, weight } of instances) {
    if (port === null) continue;
    const target = targetOf(address, zone);
    answers.push({ type: "SRV", name, ttl: zone.ttl, data: { priority: 1, weight, port, target } });
    if (!additionals.some((one) => one.name === target))
      additionals.push(...addressRecords(target, "ANY", [address], zone));
  }
  return [answers, additionals.filter((one) => one.type !== "CNAME")];
}

function addressRecords(name: string, type: string, addresses: readonly string[], { ttl }: DnsZone): Answer[] {
  const wants = (record: string) => type === record || type === "ANY";
  const answers: Answer[] = [];
  for (const data of addresses) {
    if (isIPv4(data) && wants("A")) answers.push({ type: "A", name, ttl, data });
    if (isIPv6(data) && wants("AAAA")) answers.push({ type: "AAAA", name, ttl, data });
  }
  // An alias stands alone (RFC 1034, 3.6.2): it is given only where there is nothing else.
  const alias = addresses.find((address) => !isIPv4(address) && !isIPv6(address));
  const noAddress = addresses.every((address) => !isIPv4(address) && !isIPv6(address));
  if (noAddress && alias !== undefined && (wants("A") || wants("AAAA") || type === "CNAME")) {
    answers.push({ type: "CNAME", name, ttl, data: alias });
  }
  return answers;
}

/** A name for an address, as SRV has no addresses; whoever asks for it gets the address back. */
function targetOf(address: string, { domain, datacenter }: DnsZone): string {
  if (isIPv4(address))
    return `${Buffer.from(address.split(".").map(Number)).toString("hex")}.addr.${datacenter}.${domain}`;
  if (isIPv6(address)) return `${hexOf(address)}.addr.${datacenter}.${domain}`;
  return address;
}

function hexOf(address: string): string {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const hex = (part: string) => part.padStart(4, "0");
  const v4 = dotted ? Buffer.from(dotted[2]!.split(".").map(Number)).toString("hex") : "";
  const whole = dotted ? `${dotted[1]}${v4.slice(0, 4)}:${v4.slice(4)}` : address;
  const [head = "", tail] = whole.split("::");
  const parts = (text: string) => (text === "" ? [] : text.split(":").map(hex));
  const before = parts(head);
  const after = tail === undefined ? [] : parts(tail);
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => "0000"), ...after].join("");
}

/** What says how long a name that is not there may be taken for missing (RFC 2308): not at all, as services come and go. */
function startOfAuthority({ domain, ttl }: DnsZone): Answer {
  return {
    ...{ type: "SOA", name: domain, ttl },
    data: {
      ...{ mname: `ns.${domain}`, rname: `hostmaster.${domain}`, serial: Math.floor(Date.now() / 1000) },
      ...{ refresh: 3600, retry: 600, expire: 86_400, minimum: 0 },
    },
  };
}
