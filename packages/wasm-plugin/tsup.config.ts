import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig({
  ...bundledLibraries,
  entry: {
    index: "src/index.ts",
    feature: "src/feature.ts",
    "features/wasm-worker": "src/features/wasm-worker.ts",
    worker: "src/worker/main.ts",
    probe: "src/validation/probe/main.ts",
    "stack-worker": "src/stacks/worker.ts",
  },
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
