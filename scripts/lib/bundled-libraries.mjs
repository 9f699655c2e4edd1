// inversify is 245 files and zod is 95. Node loads each by itself, which was a fifth of a node's start. So the build of
// @aspen/plugin-api makes one file of each, and what every package publishes imports that file. Their types come from
// the libraries themselves; sources and tests import them by their own names.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const LIBRARIES = ["inversify", "zod"];
const BUNDLED = "@aspen/plugin-api/bundled/";

/** What a package's tsup configuration takes in, so that its build imports the single files. */
export const bundledLibraries = {
  // tsup leaves a dependency as it is before plugins are asked, unless it is named here.
  noExternal: LIBRARIES.map((name) => new RegExp(`^${name}$`)),
  esbuildPlugins: [
    {
      name: "bundled-libraries",
      setup(build) {
        build.onResolve({ filter: new RegExp(`^(${LIBRARIES.join("|")})$`) }, ({ path }) => ({
          path: BUNDLED + path,
          external: true,
        }));
      },
    },
  ],
};

/** The build of the single files, each with its licence beside it. */
export const libraryBundles = {
  entry: Object.fromEntries(LIBRARIES.map((name) => [`bundled/${name}`, fileURLToPath(import.meta.resolve(name))])),
  format: ["esm"],
  noExternal: [/./],
  splitting: false,
  target: "node20",
  onSuccess: async () => {
    for (const name of LIBRARIES) {
      const folder = packageFolder(fileURLToPath(import.meta.resolve(name)));
      writeFileSync(join("dist", "bundled", `${name}.LICENSE`), readFileSync(join(folder, "LICENSE")));
    }
  },
};

function packageFolder(file) {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    try {
      readFileSync(join(folder, "package.json"));
      return folder;
    } catch (cause) {
      if (folder === dirname(folder)) throw cause;
    }
  }
}
