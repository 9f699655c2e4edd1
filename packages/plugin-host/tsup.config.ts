import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig({
  ...bundledLibraries,
  entry: {
    index: "src/index.ts",
    local: "src/local.ts",
    feature: "src/feature.ts",
    "features/native": "src/features/native.ts",
    "native/index": "src/native/index.ts",
    "outbound/index": "src/outbound/index.ts",
    "testing/index": "src/testing/index.ts",
  },
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
  // Asked for only when a native plugin is TypeScript.
  external: ["@aspen/guest-sdk"],
});
