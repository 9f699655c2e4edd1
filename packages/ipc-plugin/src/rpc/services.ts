import { createRequire } from "node:module";
import { dirname } from "node:path";
import { LIMITS } from "@aspen/plugin-api/abi";
import { type ChannelOptions, loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

/** The files lie beside the sources, and are published. */
const FOLDER = dirname(createRequire(import.meta.url).resolve("@aspen/ipc-plugin/proto/aspen_plugin_v1.proto"));
const FILES = ["aspen_plugin_v1.proto", "go_plugin.proto", "health.proto"];

interface Services {
  aspen: { plugin: { v1: { Plugin: ServiceClientConstructor; Host: ServiceClientConstructor } } };
  plugin: {
    GRPCBroker: ServiceClientConstructor;
    GRPCController: ServiceClientConstructor;
    GRPCStdio: ServiceClientConstructor;
  };
  grpc: { health: { v1: { Health: ServiceClientConstructor } } };
}

const loaded = loadPackageDefinition(
  loadSync(FILES, { includeDirs: [FOLDER], keepCase: true, longs: Number, enums: String, arrays: true }),
) as unknown as Services;

export const { Plugin, Host } = loaded.aspen.plugin.v1;
export const { GRPCBroker, GRPCController, GRPCStdio } = loaded.plugin;
export const { Health } = loaded.grpc.health.v1;

/** Bytes around the parts of a message: its other fields and the tags of them all. */
const FRAME_BYTES = 65_536;
const MESSAGE_BYTES = LIMITS.messageBytes + FRAME_BYTES;

/** Of both ends of a connection. */
export const CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.max_receive_message_length": MESSAGE_BYTES,
  "grpc.max_send_message_length": MESSAGE_BYTES,
  "grpc.enable_http_proxy": 0,
  // The name in go-plugin's certificates.
  "grpc.ssl_target_name_override": "localhost",
  "grpc.default_authority": "localhost",
};
