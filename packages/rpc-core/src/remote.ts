/** A client of a node elsewhere, for Node and browsers: nothing that it imports needs Node. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export type { CallArguments, RpcCallOptions, RpcClient } from "./client.js";
export { JsonBytes } from "./json-bytes.js";
export { type NodeAddress, nodeAddress } from "./remote/node-address.js";
export { type RemoteClientOptions, remoteClient } from "./remote/remote-client.js";
export { RemoteError } from "./remote/remote-error.js";
export type { KnownMethod, ParamsOf, ResultOf, RpcMethods } from "./rpc-methods.js";
export { fromWire, toBase64, toWire, type WireValue } from "./wire-value.js";
