import { compilePlugin } from "@aspen/guest-sdk/compiler";
import { testPluginRuntime } from "@aspen/plugin-host/testing";
import { describe, test } from "@jest/globals";
import { WasmPluginRuntime } from "../src/index.js";
import { artifactOf } from "./support.js";

testPluginRuntime(
  { describe, test },
  {
    name: "wasm",
    runtime: () => new WasmPluginRuntime(),
    artifact: async ({ folder }) => {
      const { manifest, wasm } = await compilePlugin(folder);
      return artifactOf(manifest, wasm);
    },
    stopsCode: true,
    boundsMemory: true,
  },
);
