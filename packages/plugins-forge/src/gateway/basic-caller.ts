import type { IncomingMessage } from "node:http";
import type { Authenticator } from "@aspen/feature";
import { isAspenError } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";

/** Bytes of a name and a password in base64; a token has far fewer. */
const CREDENTIALS = /^basic +([A-Za-z0-9+/]{1,20000}={0,2})$/i;

/**
 * Who sends a request: git gives a token as the password of HTTP Basic (RFC 7617), with any name. Null when the token does
 * not count; `known`, whom the front has found, when there is none.
 */
export async function basicCaller(
  { headers: { authorization } }: IncomingMessage,
  known: Caller,
  authenticators: readonly Authenticator[],
): Promise<Caller | null> {
  const encoded = authorization === undefined ? undefined : CREDENTIALS.exec(authorization)?.[1];
  const bearer = authenticators.find(({ scheme }) => scheme === "bearer");
  if (encoded === undefined || !bearer) return known;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  try {
    return await bearer.authenticate(text.slice(text.indexOf(":") + 1));
  } catch (error) {
    if (isAspenError(error) && error.code === "UNAUTHENTICATED") return null;
    throw error;
  }
}
