import { defineConfig } from "tsup";

export default defineConfig([
  {
    entry: {
      index: "src/index.ts",
      "compiler/index": "src/compiler/index.ts",
      "testing/index": "src/testing/index.ts",
    },
    format: ["esm"],
    // The other builds run at the same time, and the template takes seconds to link.
    clean: ["!template*.wasm", "!template*.wasm.json", "!guest/**", "!template/**", "!compiler/build-*"],
    sourcemap: true,
    target: "node20",
  },
  {
    entry: { "guest/prelude": "src/guest/prelude.ts", "guest/serve": "src/guest/serve.ts" },
    format: ["esm"],
    platform: "neutral",
    target: "es2023",
    outDir: "dist",
  },
  {
    entry: {
      "compiler/build-process": "src/compiler/process/build-process.ts",
      "compiler/build-worker": "src/compiler/process/build-worker.ts",
    },
    format: ["esm"],
    // Each is one file: the bytes of the worker stand for the compiler in a build's fingerprint.
    splitting: false,
    sourcemap: true,
    target: "node20",
    outDir: "dist",
  },
  {
    entry: {
      "guest/url": "src/guest/url.ts",
      "guest/structured-clone": "src/guest/structured-clone.ts",
      "guest/subtle": "src/guest/subtle.ts",
    },
    format: ["iife"],
    platform: "neutral",
    target: "es2023",
    outDir: "dist",
    outExtension: () => ({ js: ".js" }),
  },
  {
    entry: { "template/build-template": "src/compiler/template/build-template.ts" },
    format: ["esm"],
    target: "node20",
    outDir: "dist",
  },
]);
