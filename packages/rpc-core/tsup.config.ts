import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/remote.ts", "src/zod.ts", "src/module.ts"],
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
