import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesOfOfficialPackage, isOfficialPackage } from "./official-package-files.mjs";
import { ROOT } from "./workspaces.mjs";

/** The parts of package.json that all packages share are read from the one that has nothing else. */
const MODEL = join(ROOT, "packages", "rpc-core", "package.json");

/** The files of a new package, by their path in its folder. */
export function filesOfPackage({ name, description }) {
  const catalogue = `${name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())}Errors`;
  const model = JSON.parse(readFileSync(MODEL, "utf8"));
  const { license, type, engines, scripts, publishConfig, dependencies } = model;
  const official = isOfficialPackage(name);
  const manifest = {
    name: `@aspen/${name}`,
    version: "0.1.0",
    description,
    keywords: ["aspen", name],
    license,
    type,
    engines,
    exports: {
      ".": { "@aspen/source": "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" },
      "./package.json": "./package.json",
    },
    files: ["dist", "src"],
    sideEffects: false,
    scripts,
    dependencies: { "@aspen/plugin-api": dependencies["@aspen/plugin-api"] },
    publishConfig,
  };
  const json = (value) => `${JSON.stringify(value, null, 2)}\n`;
  return {
    "package.json": json(manifest),
    "tsconfig.json": json({ extends: "../../tsconfig.base.json", include: ["src", "test"] }),
    "tsconfig.declarations.json": json({ extends: "../../tsconfig.declarations.json" }),
    "jest.config.mjs": `export { default } from "../../jest.base.mjs";\n`,
    "tsup.config.ts": `import { defineConfig } from "tsup";
import { bundledLibraries } from "../../scripts/lib/bundled-libraries.mjs";

export default defineConfig({
  ...bundledLibraries,
  entry: ["src/index.ts"${official ? ', "src/feature.ts"' : ""}],
  format: ["esm"],
  clean: true,
  sourcemap: true,
  target: "node20",
});
`,
    "src/index.ts": `/** ${description}. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export { ${catalogue} } from "./errors.js";
${official ? `export { reservedPrefixes } from "./reserved-prefixes.js";\n` : ""}`,
    "src/errors.ts": `import { AspenError } from "@aspen/plugin-api";

/** The errors of this package. */
export const ${catalogue} = {
  invalid: (field: string, problem: string) => new AspenError("INVALID_PARAMS", \`\${field} \${problem}\`, { field }),
} as const;
`,
    "test/errors.test.ts": `import { expect, test } from "@jest/globals";
import { ${catalogue}, isAspenError } from "../src/index.js";

test("an error names the field and what is wrong with it", () => {
  const error = ${catalogue}.invalid("limit", "is no number");
  expect(isAspenError(error)).toBe(true);
  expect(error).toMatchObject({ code: "INVALID_PARAMS", message: "limit is no number", details: { field: "limit" } });
});
`,
    "README.md": `# @aspen/${name}

${description}.

\`\`\`sh
npm install @aspen/${name}
\`\`\`

\`\`\`ts
import { isAspenError } from "@aspen/${name}";

console.log(isAspenError(new Error("any"))); // false
\`\`\`
`,
    ...(official ? filesOfOfficialPackage({ name, model, packageJson: manifest }) : {}),
  };
}
