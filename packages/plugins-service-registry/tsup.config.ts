import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig({
  ...bundledLibraries,
  entry: ["src/index.ts", "src/feature.ts", "src/client.ts"],
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
