import { readFileSync, writeFileSync } from "node:fs";

/** Writes `text` to `file`, or, with `--check` on the command line, exits with 1 when the file differs from it. */
export function writeOrCheck(file, text, command) {
  if (!process.argv.includes("--check")) {
    writeFileSync(file, text);
    console.log(`wrote ${file}`);
    return;
  }
  let current = "";
  try {
    current = readFileSync(file, "utf8");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  if (current === text) {
    console.log(`${file} is current`);
  } else {
    console.error(`${file} is not current; run \`${command}\` and commit the result`);
    process.exitCode = 1;
  }
}

/** The built package; it must be built first, because Node 20 does not run TypeScript. */
export async function builtPackage() {
  try {
    return await import("../dist/index.js");
  } catch (error) {
    console.error(`packages/plugin-api is not built (${error.message}); run \`npm run build\` first`);
    process.exit(1);
  }
}
