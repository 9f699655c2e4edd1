/** An HTTP client for URLs that nobody vouches for: what a plugin asks, where a webhook goes. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { outboundErrors } from "./errors.js";
export type { GrantedAddress, OutboundOptions } from "./options.js";
export { OutboundClient } from "./outbound-client.js";
export type { OutboundRequest } from "./request.js";
export { type Resolve, resolveByDns } from "./resolve.js";
export { OutboundResponse } from "./response.js";
