import { LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { defineHostFunction } from "./host-function.js";
import { bytesArg, stringArg } from "./parameters.js";

const NAME = /^[a-z][a-z0-9-]{0,63}$/;

type Args = readonly (Uint8Array | null)[];

export const signingSign = defineHostFunction<Uint8Array>({
  prepare: (_scope, args) => dataOf(args),
  run: ({ signer }, data, { grant }) => signer.sign(grant.plugin, data),
});

export const signingVerify = defineHostFunction<{ data: Uint8Array; signature: Uint8Array; plugin: string }>({
  prepare: (_scope, args) => ({
    data: dataOf(args),
    signature: bytesArg(args, 1, "signature"),
    plugin: pluginOf(args, 2),
  }),
  run: ({ signer }, { plugin, data, signature }) => signer.verify(plugin, data, signature),
});

export const signingPublicKey = defineHostFunction<string>({
  prepare: (_scope, args) => pluginOf(args, 0),
  run: ({ signer }, plugin) => signer.publicKey(plugin),
});

function dataOf(args: Args): Uint8Array {
  const data = bytesArg(args, 0, "data");
  // It is read in the main thread, which everybody shares.
  if (data.length > LIMITS.signedBytes) throw hostErrors.parameterTooLarge("data", data.length, LIMITS.signedBytes);
  return data;
}

function pluginOf(args: Args, index: number): string {
  const { length } = bytesArg(args, index, "plugin");
  const plugin = length > LIMITS.pluginNameBytes ? "" : stringArg(args, index, "plugin");
  if (!NAME.test(plugin)) throw hostErrors.invalidArgument("plugin", "must be the name of a plugin");
  return plugin;
}
