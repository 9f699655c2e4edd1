import { isIP, type LookupFunction } from "node:net";
import { rootCertificates } from "node:tls";
import type { buildConnector } from "undici";
import type { AddressPolicy } from "./address-policy.js";
import { outboundErrors } from "./errors.js";
import type { OutboundSettings } from "./options.js";

/** Addresses of one name that are looked at. */
const ADDRESSES_MAX = 32;

type Build = typeof buildConnector;

/** Ports for which a connector is kept. */
const CONNECTORS_MAX = 64;

/**
 * Opens connections to checked addresses alone. The socket itself gets what the one look-up found and the policy let
 * pass, so nothing can change between check and connect. Name and certificate stay those of the URL.
 */
export function checkedConnector(
  build: Build,
  settings: OutboundSettings,
  policy: AddressPolicy,
): buildConnector.connector {
  const { certificates, connectTimeoutMs } = settings;
  // A look-up is not told of the port, on which a grant may depend.
  const connectors = new Map<number, buildConnector.connector>();
  const connectorOf = (port: number) => {
    const known = connectors.get(port);
    if (known) return known;
    if (connectors.size >= CONNECTORS_MAX) connectors.clear();
    const connector = build({
      timeout: connectTimeoutMs,
      lookup: checkedLookup(settings, policy, port),
      autoSelectFamily: true,
      rejectUnauthorized: true,
      ...(certificates.length === 0 ? {} : { ca: [...rootCertificates, ...certificates] }),
    });
    connectors.set(port, connector);
    return connector;
  };
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, "");
    const port = Number(options.port) || (options.protocol === "https:" ? 443 : 80);
    try {
      // A socket looks no address up that is one already.
      if (isIP(host) !== 0) policy.assertAllowed(host, host, port);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    connectorOf(port)({ ...options, hostname: host }, callback);
  };
}

function checkedLookup(
  { resolve, connectTimeoutMs }: OutboundSettings,
  policy: AddressPolicy,
  port: number,
): LookupFunction {
  return (name, options, callback) => {
    addressesOf(name).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        if (options.all) callback(null, found);
        else callback(null, found[0]!.address, found[0]!.family);
      },
      (error) => callback(error, ""),
    );
  };

  /** One address that is refused refuses the name: who mixes them has something in mind. */
  async function addressesOf(name: string): Promise<readonly string[]> {
    const signal = AbortSignal.timeout(connectTimeoutMs);
    let addresses: readonly string[];
    try {
      addresses = (await resolve(name.replace(/\.$/, ""), signal)).slice(0, ADDRESSES_MAX);
    } catch (cause) {
      throw outboundErrors.unresolved(name, cause);
    }
    if (addresses.length === 0) throw outboundErrors.unresolved(name);
    for (const address of addresses) policy.assertAllowed(name, address, port);
    return addresses;
  }
}
