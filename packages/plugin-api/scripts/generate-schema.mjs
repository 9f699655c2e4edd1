// Writes plugin.schema.json from the manifest's zod schema; --check only compares.
import { fileURLToPath } from "node:url";
import { builtPackage, writeOrCheck } from "./generated-file.mjs";

const { manifestJsonSchema } = await builtPackage();
writeOrCheck(
  fileURLToPath(new URL("../plugin.schema.json", import.meta.url)),
  `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`,
  "npm run generate -w @aspen/plugin-api",
);
