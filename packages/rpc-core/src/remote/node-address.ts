import { Base64 } from "js-base64";
import { rpcErrors } from "../errors.js";

/** Where a node is reached, and as whom. */
export interface NodeAddress {
  /** Address without user and password, fit to be shown; its path ends in a slash. */
  url: string;
  /** Value of the `authorization` header: user and password of the address as Basic credentials (RFC 7617). */
  authorization?: string;
}

/**
 * Reads the address of a node: an HTTP URL, with a path where a proxy serves the node below one, and with user and
 * password where the proxy asks for them.
 *
 * @throws AspenError `INVALID_PARAMS`, which does not show what the address holds
 */
export function nodeAddress(text: string): NodeAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol)) throw rpcErrors.nodeAddress("is no HTTP URL");
  if (url.search !== "" || url.hash !== "") throw rpcErrors.nodeAddress("must not have a query or a fragment");
  const credentials = url.username === "" && url.password === "" ? {} : { authorization: basic(url) };
  url.username = "";
  url.password = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return { url: url.href, ...credentials };
}

function basic({ username, password }: URL): string {
  try {
    return `Basic ${Base64.encode(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)}`;
  } catch {
    // What it holds must not be shown.
    throw rpcErrors.nodeAddress("has a user or a password that is not percent-encoded as it must be");
  }
}
