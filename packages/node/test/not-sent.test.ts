import { expect, test } from "@jest/globals";
import { wasNotSent } from "../src/cluster/not-sent.js";

const failure = (code: string, syscall?: string): Error => Object.assign(new Error(code), { code, syscall });

test("only a request whose connection was never made was certainly not sent", () => {
  expect(wasNotSent(failure("ECONNREFUSED", "connect"))).toBe(true);
  expect(wasNotSent(failure("ETIMEDOUT", "connect"))).toBe(true);
  expect(wasNotSent(failure("ENOTFOUND", "getaddrinfo"))).toBe(true);
  expect(wasNotSent(failure("UND_ERR_CONNECT_TIMEOUT"))).toBe(true);
  const refused = failure("ECONNREFUSED", "connect");
  expect(wasNotSent(Object.assign(new AggregateError([refused, refused]), { code: "ECONNREFUSED" }))).toBe(true);
  // A connection that was made ends with the same codes, when the other machine falls silent.
  for (const code of ["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"])
    expect(wasNotSent(failure(code, "read"))).toBe(false);
  expect(wasNotSent(new AggregateError([refused, failure("ETIMEDOUT", "read")]))).toBe(false);
  for (const error of [failure("ECONNRESET", "read"), failure("UND_ERR_SOCKET"), new AggregateError([]), null, "x"]) {
    expect(wasNotSent(error)).toBe(false);
  }
});
