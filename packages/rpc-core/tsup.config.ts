import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig({
  ...bundledLibraries,
  entry: ["src/index.ts", "src/remote.ts", "src/zod.ts", "src/module.ts"],
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
