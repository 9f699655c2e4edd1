import { join } from "node:path";
import { bundleForNode } from "@aspen/guest-sdk/compiler";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { testPluginRuntime } from "@aspen/plugin-host/testing";
import { describe, test } from "@jest/globals";
import { IpcPluginRuntime } from "../src/index.js";

testPluginRuntime(
  { describe, test },
  {
    name: "ipc",
    runtime: () => new IpcPluginRuntime(),
    artifact: async ({ folder, manifest }) => {
      const code = await bundleForNode({ plugin: manifest.name, source: join(folder, "src/plugin.ts") });
      return {
        manifest: { ...manifest, entry: { kind: "ipc", command: "plugin.mjs", args: [], platforms: [] } },
        files: new Map([["plugin.mjs", encodeUtf8(code)]]),
      };
    },
    stopsCode: true,
    boundsMemory: false,
  },
);
