import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig({
  ...bundledLibraries,
  entry: { index: "src/index.ts", "testing/index": "src/testing/index.ts" },
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
