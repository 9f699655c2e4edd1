import { join } from "node:path";
import { describe, test } from "@jest/globals";
import { NativePluginRuntime } from "../src/native/index.js";
import { testPluginRuntime } from "../src/testing/index.js";

testPluginRuntime(
  { describe, test },
  {
    name: "native",
    runtime: () => new NativePluginRuntime(),
    artifact: async ({ folder, manifest }) => ({
      manifest,
      files: new Map(),
      module: join(folder, "src/plugin.ts"),
    }),
    stopsCode: false,
    boundsMemory: false,
  },
);
