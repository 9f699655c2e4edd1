import { readFileSync } from "node:fs";
import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

interface Entry {
  "@aspen/source"?: string;
  default?: string;
}

const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as { exports: Record<string, Entry> };

/** Each entry of `exports` in package.json that names its source: `./dist/memory.js` is made of that of `./memory`. */
const entries = Object.values(exports).flatMap(({ "@aspen/source": source, default: built }) =>
  source && built ? [[built.slice("./dist/".length, -".js".length), source]] : [],
);

export default defineConfig({
  ...bundledLibraries,
  entry: {
    ...Object.fromEntries(entries),
    // Runs in a worker thread, from dist in tests too.
    "embedded/inspector": "src/drivers/embedded/lmdb/inspector.ts",
  },
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
