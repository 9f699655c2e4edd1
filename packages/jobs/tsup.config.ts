import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig({
  ...bundledLibraries,
  entry: {
    index: "src/index.ts",
    bullmq: "src/bullmq.ts",
    feature: "src/feature.ts",
    "shell-worker": "src/features/shell-worker.ts",
    "nix-worker": "src/features/nix-worker.ts",
    "function-thread": "src/workers/function/thread-main.ts",
    "lease-thread": "src/pool/lease-thread-main.ts",
    "testing/index": "src/testing/index.ts",
  },
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
