import { cliErrors } from "./errors.js";

/** Where a node is reached, and as whom. */
export interface NodeAddress {
  /** Address without user and password, fit to be shown; its path ends in a slash. */
  url: string;
  /** Value of the `authorization` header: user and password of the address as Basic credentials (RFC 7617). */
  authorization: string | null;
}

/**
 * Reads the address of a node: an HTTP URL, with a path where a proxy serves the node below one, and with user and
 * password where the proxy asks for them.
 * @throws AspenError `INVALID_PARAMS`, which does not show what the address holds
 */
export function parseNodeAddress(text: string): NodeAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol)) throw cliErrors.nodeAddress("is no address of a node");
  if (url.search !== "" || url.hash !== "") throw cliErrors.nodeAddress("must not have a query or a fragment");
  const authorization = url.username === "" && url.password === "" ? null : basic(url);
  url.username = "";
  url.password = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return { url: url.href, authorization };
}

function basic({ username, password }: URL): string {
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Basic ${Buffer.from(credentials, "utf8").toString("base64")}`;
  } catch {
    throw cliErrors.nodeAddress("has a user or a password that is not percent-encoded as it must be");
  }
}
