import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

/** The folders of all workspaces below `packages/` and `examples/plugins/` with their package.json, by name. */
export function workspaces(parents = ["packages", "examples/plugins"]) {
  return parents
    .flatMap((parent) => {
      const folder = join(ROOT, parent);
      return existsSync(folder) ? readdirSync(folder).map((name) => `${parent}/${name}`) : [];
    })
    .filter((path) => existsSync(join(ROOT, path, "package.json")))
    .sort()
    .map((path) => ({
      path,
      folder: join(ROOT, path),
      manifest: readJson(join(ROOT, path, "package.json")),
    }));
}

/** Every file below `folder` whose name matches, as absolute paths; none when the folder is not there. */
export function filesBelow(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes("/node_modules/"))
    .sort();
}
