import { type Answer, decode, encode, type Packet } from "dns-packet";
import { RCODE } from "./dns-answer.js";

/** Bytes of an answer over UDP to whoever does not say more (RFC 1035, 4.2.1), and to whoever does (RFC 9715, 3.1). */
const UDP_BYTES = { usual: 512, most: 1232 };
const HEADER_BYTES = 12;
const RESPONSE = 1 << 15;
const TRUNCATED = 1 << 9;

/** What came in: a query, something that can only be refused, or nothing to answer. */
export type Incoming = { query: Packet } | { refusal: Buffer } | null;

/** Reads what anybody may have sent. An answer is never answered, so that two servers do not keep each other busy. */
export function readMessage(message: Buffer): Incoming {
  if (message.length < HEADER_BYTES || (message.readUInt16BE(2) & RESPONSE) !== 0) return null;
  try {
    const query = decode(message);
    return { query };
  } catch {
    const refusal = encode({ type: "response", id: message.readUInt16BE(0), flags: RCODE.formatError });
    return { refusal };
  }
}

/** Bytes that the sender takes over UDP, by its OPT record (RFC 6891). */
export function udpBytesOf(query: Packet): number {
  const opt = optOf(query);
  return opt ? Math.min(Math.max(opt.udpPayloadSize, UDP_BYTES.usual), UDP_BYTES.most) : UDP_BYTES.usual;
}

function optOf(query: Packet) {
  return query.additionals?.find((record) => record.type === "OPT");
}

/**
 * An answer in at most `most` bytes. What does not fit is left out: first what was not asked for, then answers, from the
 * last on, with the sign that there are more (RFC 2181, 9).
 */
export function writeMessage(answer: Packet, query: Packet, most: number): Buffer {
  const edns = optOf(query) ? [optRecord()] : [];
  const { answers = [], additionals = [] } = answer;
  const write = (count: number, more: readonly Answer[]) => {
    const flags = (answer.flags ?? 0) | (count < answers.length ? TRUNCATED : 0);
    return encode({ ...answer, flags, answers: answers.slice(0, count), additionals: [...more, ...edns] });
  };
  for (const more of additionals.length > 0 ? [additionals, []] : [[]]) {
    const whole = write(answers.length, more);
    if (whole.length <= most) return whole;
  }
  let [fits, tooMany] = [0, answers.length];
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (write(middle, []).length <= most) fits = middle;
    else tooMany = middle;
  }
  return write(fits, []);
}

function optRecord(): Answer {
  return { type: "OPT", name: ".", udpPayloadSize: UDP_BYTES.most, flags: 0, options: [] } as unknown as Answer;
}
