/** A client of a node elsewhere, for Node and browsers: nothing that it imports needs Node. @module */
export type { CallArguments, RpcCallOptions, RpcClient } from "./client.js";
export type { KnownMethod, ParamsOf, ResultOf, RpcMethods } from "./rpc-methods.js";
export { fromWire, toBase64, toWire, type WireValue } from "./wire-value.js";
