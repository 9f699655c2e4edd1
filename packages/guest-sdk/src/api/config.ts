import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCallExpecting } from "../guest/host-call.js";

/** What the plugin was configured with when it was installed. */
export const config = {
  /** The whole configuration, which keeps to the `config_schema` of plugin.json if that has one; `{}` when there is none. */
  async get<T extends object = Record<string, unknown>>(): Promise<T> {
    return JSON.parse(decodeUtf8(await hostCallExpecting("config_get"))) as T;
  },
};
