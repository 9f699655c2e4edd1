import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/abi/index.ts", "src/wasm/index.ts", "src/every.ts"],
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
