import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    inspector: "src/drivers/embedded/lmdb/inspector.ts",
    module: "src/module.ts",
    "testing/index": "src/testing/index.ts",
  },
  format: ["esm"],
  dts: true,
  clean: true,
  sourcemap: true,
  target: "node20",
});
