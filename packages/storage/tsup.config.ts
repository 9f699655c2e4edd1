import { defineConfig } from "tsup";

/** Each one is an entry of `exports` in package.json. */
export default defineConfig({
  entry: {
    index: "src/index.ts",
    "driver-kit": "src/driver-kit.ts",
    embedded: "src/drivers/embedded/index.ts",
    "embedded/inspector": "src/drivers/embedded/lmdb/inspector.ts",
    "embedded/worker-reader": "src/drivers/embedded/worker-reader.ts",
    maintenance: "src/maintenance/index.ts",
    memory: "src/drivers/memory/index.ts",
    module: "src/module.ts",
    open: "src/open-store.ts",
    redis: "src/drivers/redis/index.ts",
    "testing/index": "src/testing/index.ts",
    transfer: "src/transfer/index.ts",
  },
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
