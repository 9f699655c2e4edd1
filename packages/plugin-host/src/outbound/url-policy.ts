import { outboundErrors } from "./errors.js";
import type { OutboundSettings } from "./options.js";

const URL_MAX = 8192;
const STANDARD_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/**
 * Reads a URL as WHATWG says, which turns decimal, octal and hexadecimal forms of an address into the address, and checks
 * all that can be checked before its name is resolved.
 * @throws AspenError `OUTBOUND_URL_INVALID`, `OUTBOUND_PORT_DENIED`
 */
export function checkedUrl(given: string | URL, { ports, protocols }: OutboundSettings, base?: URL): URL {
  const text = typeof given === "string" ? given : given.href;
  if (text.length > URL_MAX) throw outboundErrors.urlInvalid(`has more than ${URL_MAX} characters`);
  let url: URL;
  try {
    url = new URL(text, base);
  } catch (cause) {
    throw outboundErrors.urlInvalid("cannot be read; it must be whole, such as https://example.com/path", cause);
  }
  if (!protocols.has(url.protocol)) {
    throw outboundErrors.urlInvalid(`must begin with ${[...protocols].map((one) => `${one}//`).join(" or ")}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw outboundErrors.urlInvalid("must hold no name and password; use the header authorization");
  }
  url.hash = "";
  const port = portOf(url);
  if (ports !== "any" && !ports.has(port)) throw outboundErrors.portDenied(url, port);
  return url;
}

function portOf(url: URL): number {
  return url.port === "" ? STANDARD_PORTS[url.protocol]! : Number(url.port);
}
