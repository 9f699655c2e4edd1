import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig({
  ...bundledLibraries,
  entry: {
    index: "src/index.ts",
    feature: "src/feature.ts",
    "sdk/index": "src/sdk/index.ts",
    "sdk/main": "src/sdk/main.ts",
  },
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
