import { defineConfig } from "tsup";
import { bundledLibraries, libraryBundles } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig([
  {
    ...bundledLibraries,
    entry: ["src/index.ts", "src/abi/index.ts", "src/wasm/index.ts", "src/every.ts"],
    format: ["esm"],
    clean: ["!bundled/**"],
    sourcemap: true,
    target: "node20",
  },
  libraryBundles,
]);
